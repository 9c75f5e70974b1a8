import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DELTA_OFFER, deltaBases, deltaPath, deltaQuerySchema } from "./delta.js";

const digestOf = (digit: number) => `sha256:${digit.toString(16).repeat(64)}`;
const digest = fc.nat(15).map(digestOf);
const file = fc.record({ name: fc.constantFrom("model.onnx", "golden.safetensors"), digest });

describe("what a device names as its bases", () => {
  it("is taken as it stands, whatever the device holds", () => {
    fc.assert(
      fc.property(file, fc.array(fc.array(file, { maxLength: 3 }), { maxLength: 6 }), (wanted, held) => {
        const bases = deltaBases(wanted, held);
        if (bases.length === 0) return;
        const query = new URL(deltaPath(digestOf(1), wanted.digest, bases), "https://device").searchParams;
        expect(deltaQuerySchema.parse({ base: query.getAll("base") })).toEqual({ base: bases });
      }),
    );
  });

  it("is the same for devices with the same slots, in whatever order these are", () => {
    fc.assert(
      fc.property(file, fc.array(fc.array(file, { maxLength: 3 }), { maxLength: 3 }), (wanted, held) => {
        expect(deltaBases(wanted, [...held].reverse())).toEqual(deltaBases(wanted, held));
      }),
    );
  });

  it("is nothing where it holds the file already, under any name", () => {
    const wanted = { name: "model.onnx", digest: digestOf(1) };
    const held = [{ name: "model.onnx", digest: digestOf(2) }];
    expect(deltaBases(wanted, [held])).toEqual([digestOf(2)]);
    expect(deltaBases(wanted, [held, [{ name: "old.onnx", digest: digestOf(1) }]])).toEqual([]);
  });

  it.each<[string, unknown]>([
    ["nothing", {}],
    ["no digest", { base: "latest" }],
    ["an empty list", { base: [] }],
    ["one twice", { base: [digestOf(1), digestOf(1)] }],
    ["another order", { base: [digestOf(2), digestOf(1)] }],
    ["too many", { base: [1, 2, 3, 4, 5].map(digestOf) }],
    ["more than bases", { base: digestOf(1), nonce: "7" }],
  ])("is refused with %s", (_, query) => {
    expect(deltaQuerySchema.safeParse(query).success).toBe(false);
  });

  it("may be as many as are allowed, and one alone need not be a list", () => {
    const most = Array.from({ length: DELTA_OFFER.bases }, (_, index) => digestOf(index));
    expect(deltaQuerySchema.parse({ base: most })).toEqual({ base: most });
    expect(deltaQuerySchema.parse({ base: digestOf(7) })).toEqual({ base: [digestOf(7)] });
  });
});
