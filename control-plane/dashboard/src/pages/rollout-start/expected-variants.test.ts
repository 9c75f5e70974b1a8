import type { DeviceSummary, TailoringPlan } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import type { DeviceKind } from "../tailoring/index.js";
import { expectVariants } from "./expected-variants.js";

const group = (key: string, size: number): DeviceKind => {
  const devices = Array.from({ length: size }, (_, index) => ({ deviceId: `${key}-${index}` }) as DeviceSummary);
  return { key, board: key, emulated: false, devices, sample: devices[0] as DeviceSummary };
};
const planWith = (...names: string[]) =>
  ({ candidates: names.map((name) => ({ variant: { name, kind: "fp32" } })) }) as unknown as TailoringPlan;

describe("what a rollout would bring", () => {
  it("counts each device by the first choice of its kind, and those that nothing fits or nobody knows", () => {
    const plans = new Map([
      ["pi", planWith("int8-s8s8", "fp32")],
      ["nuc", planWith("int8-u8s8")],
      ["old", planWith()],
    ]);
    const groups = [group("pi", 3), group("nuc", 1), group("old", 2), group("slow-to-answer", 4)];
    expect(expectVariants(12, groups, ({ key }) => plans.get(key))).toEqual({
      variants: [
        { name: "int8-s8s8", devices: 3 },
        { name: "int8-u8s8", devices: 1 },
      ],
      unfit: 2,
      unknown: 6,
    });
  });
});
