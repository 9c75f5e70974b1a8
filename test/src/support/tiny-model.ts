import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { createImageTensorWriter, type Tensor, tensorFrom, writeGoldenVectors } from "@sartor/shared/domain/tensor";
import {
  type BundleFile,
  type BundleManifest,
  bundleManifestSchema,
  type ImagePreprocessing,
  LIMITS,
  type ModelManifest,
  modelManifestSchema,
  type RuntimeSettings,
} from "@sartor/shared/protocol";
import * as onnx from "onnx-buf";
import { seededRandom } from "./seeded-random.js";

export { seededRandom };

/** A real, small ONNX classifier with all that comes with a model version. */
export interface TinyModel {
  readonly onnx: Uint8Array;
  readonly manifest: ModelManifest;
  /** Golden vectors, as safetensors; the outputs were computed here in float64, not by ONNX Runtime. */
  readonly golden: Uint8Array;
}

export interface TinyModelOptions {
  readonly name?: string;
  readonly version?: string;
  readonly classes?: number;
  readonly width?: number;
  readonly height?: number;
  /** Other seeds give other weights, so other answers. */
  readonly seed?: number;
  readonly goldenVectors?: number;
  /** Adds a Loop that turns so many times before the answer: a run of chosen length. */
  readonly spinIterations?: number;
}

const CHANNELS = 8;

interface Weights {
  readonly kernel: Float32Array;
  readonly kernelBias: Float32Array;
  readonly dense: Float32Array;
  readonly denseBias: Float32Array;
}

function drawWeights(classes: number, seed: number): Weights {
  const random = seededRandom(seed);
  const draw = (length: number, scale: number) => Float32Array.from({ length }, () => (random() * 2 - 1) * scale);
  return {
    kernel: draw(CHANNELS * 3 * 9, 0.6),
    kernelBias: draw(CHANNELS, 0.2),
    dense: draw(classes * CHANNELS, 8),
    denseBias: draw(classes, 1),
  };
}

/** Conv 3x3 with padding 1, ReLU, mean over the plane, dense layer: in float64. */
function referenceLogits(weights: Weights, image: Float32Array, width: number, height: number): Float32Array {
  const features = Array.from({ length: CHANNELS }, (_, channel) => {
    let total = 0;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        let sum = weights.kernelBias[channel] ?? 0;
        for (let plane = 0; plane < 3; plane++) {
          for (let tap = 0; tap < 9; tap++) {
            const [row, column] = [y + Math.floor(tap / 3) - 1, x + (tap % 3) - 1];
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            const weight = weights.kernel[(channel * 3 + plane) * 9 + tap] ?? 0;
            sum += weight * (image[(plane * height + row) * width + column] ?? 0);
          }
        }
        total += Math.max(0, sum);
      }
    }
    return total / (width * height);
  });
  return Float32Array.from(weights.denseBias, (bias, index) =>
    features.reduce((sum, feature, channel) => sum + feature * (weights.dense[index * CHANNELS + channel] ?? 0), bias),
  );
}

const FLOAT = 1;
const INT64 = 7;
const BOOL = 9;

const constant = (name: string, dims: number[], values: Float32Array) =>
  create(onnx.TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: FLOAT,
    rawData: new Uint8Array(values.buffer.slice(0) as ArrayBuffer),
  });

const ints = (name: string, values: number[]) =>
  create(onnx.AttributeProtoSchema, { name, type: onnx.AttributeProto_AttributeType.INTS, ints: values.map(BigInt) });

const node = (opType: string, input: string[], output: string[], attribute: onnx.AttributeProto[] = []) =>
  create(onnx.NodeProtoSchema, { opType, name: `${opType}_${output[0]}`, input, output, attribute });

function valueInfo(name: string, dims: (number | string)[], elemType = FLOAT) {
  const dim = dims.map((size) =>
    create(onnx.TensorShapeProto_DimensionSchema, {
      value: typeof size === "string" ? { case: "dimParam", value: size } : { case: "dimValue", value: BigInt(size) },
    }),
  );
  return create(onnx.ValueInfoProtoSchema, {
    name,
    type: { value: { case: "tensorType", value: { elemType, shape: { dim } } } },
  });
}

/** A Loop whose body walks a tensor of 64 Ki values up and down; it ends as it began, so the answer does not change. */
function spinNodes(iterations: number, input: string, output: string): onnx.NodeProto[] {
  const body = create(onnx.GraphProtoSchema, {
    name: "spin",
    input: [valueInfo("turn", [], INT64), valueInfo("go", [], BOOL), valueInfo("before", ["n"])],
    output: [valueInfo("goOn", [], BOOL), valueInfo("after", ["n"])],
    node: [node("Identity", ["go"], ["goOn"]), node("Cos", ["before"], ["cosine"]), node("Abs", ["cosine"], ["after"])],
  });
  const scalar = (name: string, dataType: number, rawData: Uint8Array<ArrayBuffer>, dims: bigint[] = []) =>
    node(
      "Constant",
      [],
      [name],
      [
        create(onnx.AttributeProtoSchema, {
          name: "value",
          type: onnx.AttributeProto_AttributeType.TENSOR,
          t: create(onnx.TensorProtoSchema, { dims, dataType, rawData }),
        }),
      ],
    );
  return [
    scalar("turns", INT64, new Uint8Array(BigInt64Array.of(BigInt(iterations)).buffer)),
    scalar("start", BOOL, Uint8Array.of(1)),
    scalar("seedValues", FLOAT, new Uint8Array(new Float32Array(65_536).buffer), [65_536n]),
    node(
      "Loop",
      ["turns", "start", "seedValues"],
      ["walked"],
      [create(onnx.AttributeProtoSchema, { name: "body", type: onnx.AttributeProto_AttributeType.GRAPH, g: body })],
    ),
    node(
      "ReduceMax",
      ["walked"],
      ["highest"],
      [create(onnx.AttributeProtoSchema, { name: "keepdims", type: onnx.AttributeProto_AttributeType.INT, i: 0n })],
    ),
    node("Sub", ["highest", "highest"], ["nothing"]),
    node("Add", [input, "nothing"], [output]),
  ];
}

function encodeGraph(weights: Weights, classes: number, width: number, height: number, spinIterations: number) {
  const model = create(onnx.ModelProtoSchema, {
    irVersion: 8n,
    producerName: "sartor-test",
    opsetImport: [create(onnx.OperatorSetIdProtoSchema, { domain: "", version: 17n })],
    graph: create(onnx.GraphProtoSchema, {
      name: "tiny",
      input: [valueInfo("image", ["batch", 3, height, width])],
      output: [valueInfo("logits", ["batch", classes])],
      initializer: [
        constant("kernel", [CHANNELS, 3, 3, 3], weights.kernel),
        constant("kernelBias", [CHANNELS], weights.kernelBias),
        constant("dense", [classes, CHANNELS], weights.dense),
        constant("denseBias", [classes], weights.denseBias),
      ],
      node: [
        node(
          "Conv",
          ["image", "kernel", "kernelBias"],
          ["convolved"],
          [ints("kernel_shape", [3, 3]), ints("pads", [1, 1, 1, 1])],
        ),
        node("Relu", ["convolved"], ["rectified"]),
        node("GlobalAveragePool", ["rectified"], ["pooled"]),
        node("Flatten", ["pooled"], ["features"]),
        ...(spinIterations > 0 ? spinNodes(spinIterations, "features", "spun") : []),
        node(
          "Gemm",
          [spinIterations > 0 ? "spun" : "features", "dense", "denseBias"],
          ["logits"],
          [create(onnx.AttributeProtoSchema, { name: "transB", type: onnx.AttributeProto_AttributeType.INT, i: 1n })],
        ),
      ],
    }),
  });
  return toBinary(onnx.ModelProtoSchema, model);
}

/** Random pixels of one image: height x width x 3 bytes, RGB. */
export function randomPixels(width: number, height: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length: width * height * 3 }, () => Math.floor(random() * 256));
}

/** Builds a classifier that is the same for the same options. Its input is `image` (N x 3 x height x width), its output `logits` (N x classes). */
export function buildTinyClassifier(options: TinyModelOptions = {}): TinyModel {
  const { name = "tiny", version = "1.0.0", classes = 10, width = 32, height = 32, seed = 1 } = options;
  const vectors = options.goldenVectors ?? 8;
  const weights = drawWeights(classes, seed);
  const preprocessing: ImagePreprocessing = {
    kind: "image",
    width,
    height,
    colorOrder: "rgb",
    layout: "nchw",
    mean: [0.5, 0.45, 0.4],
    standardDeviation: [0.25, 0.25, 0.3],
  };
  const manifest = modelManifestSchema.parse({
    schemaVersion: 1,
    name,
    version,
    task: "image-classification",
    description: "A small network with drawn weights, for tests.",
    inputs: [{ name: "image", dataType: "FP32", shape: [-1, 3, height, width] }],
    outputs: [{ name: "logits", dataType: "FP32", shape: [-1, classes] }],
    labels: Array.from({ length: classes }, (_, index) => `class ${index}`),
    preprocessing,
    postprocessing: { kind: "softmax" },
    golden: { absoluteTolerance: 1e-4, relativeTolerance: 1e-4, minimumTopOneAgreement: 1 },
  });
  const writer = createImageTensorWriter(preprocessing);
  const images = new Float32Array(vectors * writer.length);
  const logits = new Float32Array(vectors * classes);
  for (let index = 0; index < vectors; index++) {
    writer.write(randomPixels(width, height, seed * 1000 + index), images, index * writer.length);
    const image = images.subarray(index * writer.length, (index + 1) * writer.length);
    logits.set(referenceLogits(weights, image, width, height), index * classes);
  }
  const inputs: Tensor[] = [tensorFrom("image", "FP32", [vectors, 3, height, width], images)];
  const outputs: Tensor[] = [tensorFrom("logits", "FP32", [vectors, classes], logits)];
  return {
    onnx: encodeGraph(weights, classes, width, height, options.spinIterations ?? 0),
    manifest,
    golden: writeGoldenVectors({ inputs, outputs }),
  };
}

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

function bundleFile(name: string, bytes: Uint8Array): BundleFile {
  const chunks: BundleFile["chunks"] = [];
  for (let from = 0; from < bytes.byteLength; from += LIMITS.chunkBytes) {
    const chunk = bytes.subarray(from, from + LIMITS.chunkBytes);
    chunks.push({ digest: digestOf(chunk), bytes: chunk.byteLength });
  }
  return { name, bytes: bytes.byteLength, digest: digestOf(bytes), chunks };
}

/** JSON with sorted keys and no spaces: the bytes that a bundle's id is taken of. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** The bundle of a model: its manifest, the manifest's bytes as served, its id, and the files by name. */
export interface TinyBundle {
  readonly manifest: BundleManifest;
  readonly manifestBytes: Uint8Array;
  readonly bundleId: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Makes the bundle as the control plane does: files cut into chunks, everything by digest. */
export function bundleOf(
  model: TinyModel,
  runtime: Partial<RuntimeSettings> = {},
  variant: Partial<BundleManifest["variant"]> = {},
): TinyBundle {
  const files = new Map([
    ["model.onnx", model.onnx],
    ["golden.safetensors", model.golden],
  ]);
  const manifest = bundleManifestSchema.parse({
    schemaVersion: 1,
    model: model.manifest.name,
    version: model.manifest.version,
    variant: {
      name: "fp32-cpu",
      kind: "fp32",
      golden: { absoluteTolerance: 0.001, relativeTolerance: 0.001, minimumTopOneAgreement: 1 },
      ...variant,
    },
    runtime: {
      adapter: "onnxruntime-node",
      executionProviders: ["cpu"],
      intraOpThreads: 1,
      graphOptimizationLevel: "all",
      sessionConfig: {},
      ...runtime,
    },
    modelManifest: model.manifest,
    entry: { model: "model.onnx", golden: "golden.safetensors" },
    files: [...files].map(([name, bytes]) => bundleFile(name, bytes)),
    totalBytes: [...files.values()].reduce((sum, bytes) => sum + bytes.byteLength, 0),
  });
  const manifestBytes = new TextEncoder().encode(canonicalJson(manifest));
  return { manifest, manifestBytes, bundleId: digestOf(manifestBytes), files };
}

/** Writes a slot as the agent's installation does: the files and `bundle.json`. */
export async function writeSlot(
  folder: string,
  model: TinyModel,
  runtime: Partial<RuntimeSettings> = {},
  variant: Partial<BundleManifest["variant"]> = {},
): Promise<TinyBundle> {
  const bundle = bundleOf(model, runtime, variant);
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of bundle.files) await writeFile(join(folder, name), bytes);
  await writeFile(join(folder, "bundle.json"), bundle.manifestBytes);
  return bundle;
}
