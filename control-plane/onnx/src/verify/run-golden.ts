import {
  compareGolden,
  type GoldenComparison,
  type GoldenVectors,
  goldenRun,
  type Tensor,
  viewElements,
} from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import type { ModelManifest, TensorType } from "@sartor/shared/protocol";
import * as ort from "onnxruntime-node";

/** ONNX Runtime's names of the tensor types. */
const RUNTIME_TYPES: Readonly<Record<TensorType, ort.Tensor.Type>> = {
  BOOL: "bool",
  UINT8: "uint8",
  UINT16: "uint16",
  UINT32: "uint32",
  UINT64: "uint64",
  INT8: "int8",
  INT16: "int16",
  INT32: "int32",
  INT64: "int64",
  FP16: "float16",
  FP32: "float32",
  FP64: "float64",
};
const PROTOCOL_TYPES = new Map(Object.entries(RUNTIME_TYPES).map(([name, type]) => [type, name as TensorType]));

/**
 * Runs golden vectors through ONNX Runtime on the CPU, one thread, and compares what comes out. Blocks its thread while it runs.
 *
 * @throws SartorError SRT_MODEL_UNSUPPORTED where ONNX Runtime refuses the model;
 *   SRT_GOLDEN_MISMATCH where it fails on a vector or gives something else
 */
export async function runGolden(
  modelPath: string,
  manifest: ModelManifest,
  golden: GoldenVectors,
): Promise<GoldenComparison> {
  const session = await createSession(modelPath);
  const outputs: Tensor[][] = [];
  for (let index = 0; index < golden.count; index++) {
    outputs.push(await runOnce(session, manifest, goldenRun(golden.inputs, golden.count, index)));
  }
  return summarise(golden, outputs, manifest);
}

async function createSession(modelPath: string): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(modelPath, {
      executionProviders: ["cpu"],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
    });
  } catch (cause) {
    throw new SartorError("SRT_MODEL_UNSUPPORTED", `ONNX Runtime refuses the model: ${reasonOf(cause)}`, { cause });
  }
}

async function runOnce(
  session: ort.InferenceSession,
  manifest: ModelManifest,
  inputs: readonly Tensor[],
): Promise<Tensor[]> {
  try {
    const feeds = Object.fromEntries(inputs.map((tensor) => [tensor.name, toRuntime(tensor)]));
    const results = await session.run(
      feeds,
      manifest.outputs.map((output) => output.name),
    );
    return Object.entries(results).map(([name, tensor]) => fromRuntime(name, tensor as ort.Tensor));
  } catch (cause) {
    throw new SartorError("SRT_GOLDEN_MISMATCH", `The model fails on its golden vectors: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

function summarise(golden: GoldenVectors, outputs: readonly Tensor[][], manifest: ModelManifest): GoldenComparison {
  let largestAbsoluteError = 0;
  let agreement = 0;
  let within = true;
  for (const [index, got] of outputs.entries()) {
    const expected = goldenRun(golden.outputs, golden.count, index);
    // Agreement is judged over all vectors together; here only the values of one.
    const one = compareGolden(expected, got, { ...manifest.golden, minimumTopOneAgreement: 0 });
    largestAbsoluteError = Math.max(largestAbsoluteError, one.largestAbsoluteError);
    agreement += one.topOneAgreement;
    within &&= one.passed;
  }
  const topOneAgreement = agreement / golden.count;
  return {
    largestAbsoluteError,
    topOneAgreement,
    passed: within && topOneAgreement >= manifest.golden.minimumTopOneAgreement,
  };
}

function toRuntime(tensor: Tensor): ort.Tensor {
  const elements = viewElements(tensor);
  return new ort.Tensor(RUNTIME_TYPES[tensor.dataType] as "float32", elements as Float32Array, [...tensor.shape]);
}

function fromRuntime(name: string, tensor: ort.Tensor): Tensor {
  const dataType = PROTOCOL_TYPES.get(tensor.type);
  const { data } = tensor;
  if (dataType === undefined || !ArrayBuffer.isView(data)) throw new Error(`output ${name} has type ${tensor.type}`);
  return {
    name,
    dataType,
    shape: tensor.dims,
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

/** ONNX Runtime puts its own source path and function in front; what a person needs comes last. */
function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.replace(/^\/\S+:\d+ .*?\) (?=[A-Z[])/s, "").slice(0, 1024);
}
