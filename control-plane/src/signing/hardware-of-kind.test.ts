import { VARIANT_KINDS } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { hardwareOfKind } from "./hardware-of-kind.js";

describe("the hardware that a variant is signed for", () => {
  it.each([
    ["fp32", ["linux-x64", "linux-arm64"]],
    ["int8-u8s8", ["linux-x64"]],
    ["int8-u8s8-reduced", ["linux-x64"]],
    ["int8-s8s8", ["linux-arm64"]],
    ["int8-tensorrt", ["linux-x64", "linux-arm64"]],
  ] as const)("of %s is %j", (kind, hardware) => {
    expect(hardwareOfKind(kind).hardware).toEqual(hardware);
  });

  it("is known for every kind, with a reason", () => {
    for (const kind of VARIANT_KINDS) {
      expect(hardwareOfKind(kind).hardware.length).toBeGreaterThan(0);
      expect(hardwareOfKind(kind).reason).toMatch(/\w{3}/);
    }
  });
});
