import { type Tensor, viewElements } from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import type { TensorType } from "@sartor/shared/protocol";
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
const PROTOCOL_TYPES = new Map<string, TensorType>(
  Object.entries(RUNTIME_TYPES).map(([name, type]) => [type, name as TensorType]),
);

/** A model on the CPU, one thread, that takes and gives tensors of any type. Blocks its thread while it runs. */
export class TensorSession {
  readonly #session: ort.InferenceSession;

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
  }

  /**
   * Loads a model, from a path or from its bytes.
   *
   * @param level `disabled` computes each node as it stands
   * @throws SartorError SRT_MODEL_UNSUPPORTED where ONNX Runtime refuses the model
   */
  static async open(model: string | Uint8Array, level: "disabled" | "all" = "all"): Promise<TensorSession> {
    const options: ort.InferenceSession.SessionOptions = {
      executionProviders: ["cpu"],
      graphOptimizationLevel: level,
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
    };
    try {
      return new TensorSession(
        typeof model === "string"
          ? await ort.InferenceSession.create(model, options)
          : await ort.InferenceSession.create(model, options),
      );
    } catch (cause) {
      throw new SartorError("SRT_MODEL_UNSUPPORTED", `ONNX Runtime refuses the model: ${reasonOf(cause)}`, { cause });
    }
  }

  /**
   * Runs the model once.
   *
   * @returns the outputs in the order of their names
   * @throws SartorError SRT_GOLDEN_MISMATCH where the model fails
   */
  async run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<Tensor[]> {
    try {
      const feeds = Object.fromEntries(inputs.map((tensor) => [tensor.name, toRuntime(tensor)]));
      const results = await this.#session.run(feeds, [...outputs]);
      return outputs.map((name) => fromRuntime(name, results[name]));
    } catch (cause) {
      throw new SartorError("SRT_GOLDEN_MISMATCH", `The model fails on its golden vectors: ${reasonOf(cause)}`, {
        cause,
      });
    }
  }

  /** Gives the session back. */
  async close(): Promise<void> {
    await this.#session.release();
  }
}

function toRuntime(tensor: Tensor): ort.Tensor {
  const elements = viewElements(tensor);
  return new ort.Tensor(RUNTIME_TYPES[tensor.dataType] as "float32", elements as Float32Array, [...tensor.shape]);
}

function fromRuntime(name: string, tensor: ort.Tensor | undefined): Tensor {
  const dataType = PROTOCOL_TYPES.get(tensor?.type ?? "");
  const data = tensor?.data;
  if (tensor === undefined || dataType === undefined || !ArrayBuffer.isView(data)) {
    throw new Error(`output ${name} has type ${tensor?.type ?? "none"}`);
  }
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
