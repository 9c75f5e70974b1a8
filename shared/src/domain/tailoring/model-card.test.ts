import { describe, expect, it } from "vitest";
import { accuracyLoss, baselineAccuracy, baselineOf, type ModelCard, macsOf } from "./model-card.js";

const card = (...variants: ModelCard["variants"]): ModelCard => ({
  model: "net",
  version: "1.0.0",
  family: "convolution",
  macs: 1_000,
  activationBytes: 0,
  variants,
});

describe("what a variant is compared with", () => {
  const pruned = { name: "fp32-pruned", kind: "fp32", fileBytes: 1, accuracy: 0.9, macs: 600 } as const;

  it("is the network as it was trained, even where a pruned one stands first", () => {
    const whole = { name: "fp32", kind: "fp32", fileBytes: 1, accuracy: 0.99 } as const;
    expect(baselineAccuracy(card(pruned, whole))).toBe(0.99);
    expect(baselineOf(card(pruned, { ...whole, name: "original" }))?.name).toBe("original");
  });

  it("is nothing where the version has no fp32", () => {
    expect(baselineOf(card({ name: "fp16", kind: "fp16", fileBytes: 1 }))).toBeUndefined();
  });

  it("is fp32 on the same samples, whatever set fp32 was evaluated on last", () => {
    const whole = { name: "fp32", kind: "fp32", fileBytes: 1, accuracy: 0.99 } as const;
    const other = { name: "int8-u8s8", kind: "int8-u8s8", fileBytes: 1, accuracy: 0.9 } as const;
    const loss = (changes: object) => accuracyLoss({ ...other, ...changes }, card(whole, other));
    expect(loss({ referenceAccuracy: 0.91 })).toBeCloseTo(0.01, 9);
    expect(loss({})).toBeCloseTo(0.09, 9);
    expect(loss({ accuracy: undefined })).toBeUndefined();
  });

  it("costs what its own arithmetic costs", () => {
    const all = card(pruned, { name: "fp32", kind: "fp32", fileBytes: 1 });
    expect(all.variants.map((variant) => macsOf(variant, all))).toEqual([600, 1_000]);
  });
});
