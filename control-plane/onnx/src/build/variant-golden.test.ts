import { tensorFrom } from "@sartor/shared/domain/tensor";
import type { ModelManifest } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { ELEMENT, makeTensor } from "../graph/index.js";
import { sketchModel } from "../testing/build-graph.js";
import { goldenOf } from "./variant-golden.js";

const scaled = (factor: number) =>
  sketchModel({
    constants: [makeTensor("factor", ELEMENT.float, [1], Float32Array.of(factor))],
    nodes: [["Mul", ["x", "factor"], ["y"]]],
  });
const manifest = {
  inputs: [{ name: "x", dataType: "FP32", shape: [-1, 4] }],
  outputs: [{ name: "y", dataType: "FP32", shape: [-1, 4] }],
  golden: { absoluteTolerance: 0.001, relativeTolerance: 0.01, minimumTopOneAgreement: 1 },
} as unknown as ModelManifest;
const values = tensorFrom("x", "FP32", [2, 4], Float32Array.of(1, 2, 3, 4, 8, 7, 6, 5));
const version = { inputs: [values], outputs: [{ ...values, name: "y" }], count: 2 };
const golden = (variant: Uint8Array, exact: Uint8Array) =>
  goldenOf({ variant, fusedCounts: true, exact }, manifest, version);

describe("the golden vectors of a variant", () => {
  it("allow for three times the distance between executions that may both be right", async () => {
    const { golden: tolerance } = await golden(scaled(1), scaled(1.25));
    // 8 against 10.
    expect(tolerance.absoluteTolerance).toBe(6);
  });

  it("are refused where one of them is infinite or no number: nothing could fail them", async () => {
    const refused = expect.objectContaining({ code: "SRT_QUANTIZE_INACCURATE" });
    await expect(golden(scaled(3e38), scaled(1))).rejects.toThrow(refused);
    await expect(golden(scaled(1), scaled(3e38))).rejects.toThrow(refused);
    await expect(golden(scaled(1), scaled(Number.NaN))).rejects.toThrow(refused);
  });
});
