import { classify, EditableGraph, ELEMENT, intOf, intsOf, makeTensor } from "@sartor/onnx";
import { tensorFrom, writeGoldenVectors } from "@sartor/shared/domain/tensor";
import { modelManifestSchema } from "@sartor/shared/protocol";
import * as ort from "onnxruntime-node";
import { emptyGraph } from "../quantization/networks.js";
import { batches } from "../quantization/samples.js";
import { seededRandom } from "../support/tiny-model.js";
import type { BuildInput } from "./building.js";

export const FRAGILE_SHAPE = [3, 16, 16] as const;
export const FRAGILE_CLASSES = 6;
/** The layer that reads what one scale for all channels cannot express. */
export const FRAGILE_LAYER = "mixer";

const LOUD = 4000;

/**
 * A network that int8 kills: one channel of its first convolution is thousands of times louder than the others and is then all but ignored,
 * while the quiet ones decide. One scale a tensor has no step left for them. A pool stands between the layers, so that channels cannot be
 * evened out.
 */
export function buildFragileNetwork(): Uint8Array {
  const random = seededRandom(77);
  const graph: EditableGraph = emptyGraph(["batch", ...FRAGILE_SHAPE], ["batch", FRAGILE_CLASSES]);
  const constant = (name: string, shape: number[], draws: (index: number) => number) => {
    const length = shape.reduce((product, size) => product * size, 1);
    graph.addInitializer(
      makeTensor(
        name,
        ELEMENT.float,
        shape,
        Float32Array.from({ length }, (_, at) => draws(at)),
      ),
    );
    return name;
  };
  const draw = () => random() * 2 - 1;
  const pads = intsOf("pads", [1, 1, 1, 1]);
  graph.addNode({
    opType: "Conv",
    name: "stem",
    inputs: ["image", constant("w1", [8, 3, 3, 3], (at) => draw() * (at < 27 ? LOUD : 1)), constant("b1", [8], draw)],
    outputs: ["c1"],
    attributes: [intsOf("kernel_shape", [3, 3]), pads],
  });
  graph.addNode({ opType: "Relu", inputs: ["c1"], outputs: ["r1"] });
  graph.addNode({
    opType: "MaxPool",
    inputs: ["r1"],
    outputs: ["p1"],
    attributes: [intsOf("kernel_shape", [2, 2]), intsOf("strides", [2, 2])],
  });
  graph.addNode({
    opType: "Conv",
    name: FRAGILE_LAYER,
    inputs: [
      "p1",
      constant("w2", [12, 8, 3, 3], (at) => (Math.floor(at / 9) % 8 === 0 ? draw() / LOUD / 50 : draw() / 4)),
    ],
    outputs: ["c2"],
    attributes: [intsOf("kernel_shape", [3, 3]), pads],
  });
  graph.addNode({ opType: "Relu", inputs: ["c2"], outputs: ["r2"] });
  graph.addNode({
    opType: "Conv",
    name: "last",
    inputs: ["r2", constant("w3", [12, 12, 3, 3], () => draw() / 5)],
    outputs: ["c3"],
    attributes: [intsOf("kernel_shape", [3, 3]), pads],
  });
  graph.addNode({ opType: "Relu", inputs: ["c3"], outputs: ["r3"] });
  graph.addNode({ opType: "GlobalAveragePool", inputs: ["r3"], outputs: ["g"] });
  graph.addNode({ opType: "Flatten", inputs: ["g"], outputs: ["f"] });
  graph.addNode({
    opType: "Gemm",
    name: "head",
    inputs: ["f", constant("w4", [FRAGILE_CLASSES, 12], () => draw() * 4)],
    outputs: ["logits"],
    attributes: [intOf("transB", 1)],
  });
  return graph.encode();
}

/** Samples with what the network itself names as their classes: its accuracy is 1. */
export async function labelled(model: Uint8Array, images: Float32Array): Promise<number[]> {
  return classify(model, batches("image", images, FRAGILE_SHAPE, 1));
}

/** A model version with golden vectors that ONNX Runtime computed from these images. */
export async function versionOf(
  model: Uint8Array,
  images: Float32Array,
  shape: readonly number[],
  classes: number,
): Promise<BuildInput> {
  const [, height = 0, width = 0] = shape;
  const count = images.length / shape.reduce((product, size) => product * size, 1);
  const manifest = modelManifestSchema.parse({
    schemaVersion: 1,
    name: "network",
    version: "1.0.0",
    task: "image-classification",
    description: "A network for tests.",
    inputs: [{ name: "image", dataType: "FP32", shape: [-1, ...shape] }],
    outputs: [{ name: "logits", dataType: "FP32", shape: [-1, classes] }],
    labels: Array.from({ length: classes }, (_, index) => `class ${index}`),
    preprocessing: {
      kind: "image",
      width,
      height,
      colorOrder: "rgb",
      layout: "nchw",
      mean: [0.5, 0.5, 0.5],
      standardDeviation: [0.25, 0.25, 0.25],
    },
    postprocessing: { kind: "softmax" },
    golden: { absoluteTolerance: 1e-3, relativeTolerance: 1e-3, minimumTopOneAgreement: 1 },
  });
  const session = await ort.InferenceSession.create(model, { graphOptimizationLevel: "disabled", logSeverityLevel: 4 });
  const { logits } = await session.run({ image: new ort.Tensor("float32", images, [count, ...shape]) });
  await session.release();
  if (!(logits?.data instanceof Float32Array)) throw new Error("the network gave no logits");
  const golden = writeGoldenVectors({
    inputs: [tensorFrom("image", "FP32", [count, ...shape], images)],
    outputs: [tensorFrom("logits", "FP32", [count, classes], logits.data.slice())],
  });
  return { onnx: model, golden, manifest };
}
