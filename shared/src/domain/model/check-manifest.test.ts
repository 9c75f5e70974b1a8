import { describe, expect, it } from "vitest";
import { SartorError } from "../../errors/index.js";
import { type ModelManifest, modelManifestSchema } from "../../protocol/index.js";
import { checkManifest, type ModelSignature } from "./check-manifest.js";

const info: ModelSignature = {
  inputs: [{ name: "image", dataType: "FP32", shape: [-1, 3, 8, 16] }],
  outputs: [{ name: "logits", dataType: "FP32", shape: [-1, 4] }],
};

function manifest(changes: Partial<ModelManifest> = {}): ModelManifest {
  return modelManifestSchema.parse({
    schemaVersion: 1,
    name: "tiny",
    version: "1.0.0",
    task: "image-classification",
    description: "",
    inputs: [{ name: "image", dataType: "FP32", shape: [-1, 3, 8, 16] }],
    outputs: [{ name: "logits", dataType: "FP32", shape: [-1, 4] }],
    labels: ["a", "b", "c", "d"],
    preprocessing: {
      kind: "image",
      width: 16,
      height: 8,
      colorOrder: "rgb",
      layout: "nchw",
      mean: [0, 0, 0],
      standardDeviation: [1, 1, 1],
    },
    postprocessing: { kind: "softmax" },
    golden: { absoluteTolerance: 1e-4, relativeTolerance: 1e-3, minimumTopOneAgreement: 1 },
    ...changes,
  });
}

function problem(change: Partial<ModelManifest>, model: ModelSignature = info): { code: string; message: string } {
  try {
    checkManifest(model, manifest(change));
  } catch (error) {
    if (error instanceof SartorError) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: "accepted", message: "" };
}

describe("a manifest beside its model", () => {
  it("is accepted when both say the same", () => {
    expect(problem({}).code).toBe("accepted");
  });

  it("may state a dimension that the model leaves open", () => {
    const open = { ...info, outputs: [{ name: "logits", dataType: "FP32" as const, shape: null }] };
    expect(problem({}, open).code).toBe("accepted");
  });

  it("is refused with both sides named when a shape differs", () => {
    const { code, message } = problem({ inputs: [{ name: "image", dataType: "FP32", shape: [-1, 3, 32, 32] }] });
    expect(code).toBe("SRT_MODEL_SHAPE_MISMATCH");
    expect(message).toBe(
      "The model's inputs are image FP32 [-1, 3, 8, 16]; the manifest says image FP32 [-1, 3, 32, 32].",
    );
  });

  it.each<[string, Partial<ModelManifest>]>([
    ["a name", { outputs: [{ name: "scores", dataType: "FP32", shape: [-1, 4] }] }],
    ["a type", { outputs: [{ name: "logits", dataType: "FP16", shape: [-1, 4] }] }],
    ["a rank", { outputs: [{ name: "logits", dataType: "FP32", shape: [4] }] }],
    [
      "a missing output",
      {
        outputs: [
          { name: "logits", dataType: "FP32", shape: [-1, 4] },
          { name: "more", dataType: "FP32", shape: [-1, 4] },
        ],
      },
    ],
    ["the image's size", { preprocessing: { ...manifest().preprocessing, width: 8, height: 16 } }],
    ["the image's layout", { preprocessing: { ...manifest().preprocessing, layout: "nhwc" } }],
  ])("is refused when %s differs", (_what, change) => {
    expect(problem(change).code).toBe("SRT_MODEL_SHAPE_MISMATCH");
  });

  it("is refused when labels and classes differ in number", () => {
    const { code, message } = problem({ labels: ["a", "b", "c"] });
    expect(code).toBe("SRT_MODEL_LABELS_MISMATCH");
    expect(message).toBe("The manifest has 3 labels; the output logits has 4 classes.");
  });

  it.each([
    ["a fixed batch of 8", { inputs: [{ name: "image", dataType: "FP32" as const, shape: [8, 3, 8, 16] }] }],
    ["half precision", { inputs: [{ name: "image", dataType: "FP16" as const, shape: [-1, 3, 8, 16] }] }],
    ["bytes", { inputs: [{ name: "image", dataType: "UINT8" as const, shape: [-1, 3, 8, 16] }] }],
  ])("is refused with %s, which no device would serve", (_, change) => {
    expect(problem(change, { ...info, ...change }).code).toBe("SRT_MODEL_SHAPE_MISMATCH");
  });

  it("is refused with a second input, which no image fills", () => {
    const image = { name: "image", dataType: "FP32" as const, shape: [-1, 3, 8, 16] };
    const inputs = [image, { ...image, name: "other" }];
    expect(problem({ inputs }, { ...info, inputs }).code).toBe("SRT_MODEL_SHAPE_MISMATCH");
  });
});
