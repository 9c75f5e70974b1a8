import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Tensor, viewElements } from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import type { RuntimeSettings, TensorSpec, TensorType } from "@sartor/shared/protocol";
import * as ort from "onnxruntime-node";
import type { LoadedModel, ModelRun, RuntimeAdapter } from "../adapter.js";
import type { BundleLocation } from "../channel/index.js";
import { describeLoadFailure } from "./load-failure.js";
import { providersOfProfile } from "./profile.js";

const TYPES: Readonly<Record<string, TensorType>> = {
  bool: "BOOL",
  uint8: "UINT8",
  int8: "INT8",
  uint16: "UINT16",
  int16: "INT16",
  float16: "FP16",
  uint32: "UINT32",
  int32: "INT32",
  float32: "FP32",
  uint64: "UINT64",
  int64: "INT64",
  float64: "FP64",
};
const ORT_TYPES = Object.fromEntries(Object.entries(TYPES).map(([name, type]) => [type, name]));

/** Session configuration that every model gets unless its variant says otherwise. */
const SESSION_CONFIG = {
  // Waiting threads that spin cost three to five times the CPU of a frame now and then, for no measurable gain at one or two threads.
  "session.intra_op.allow_spinning": "0",
  "session.inter_op.allow_spinning": "0",
};

/** The adapter for onnxruntime-node; the only file that imports it, and only the child imports this file. */
export function createOnnxRuntimeAdapter(): RuntimeAdapter {
  return {
    load: async (bundle) => wrapSession(await createSession(bundle, {})),
    inspect: async (bundle, inputs, scratch) => {
      const profiling = { enableProfiling: true, profileFilePrefix: join(scratch, "profile") };
      const session = await createSession(bundle, profiling);
      await wrapSession(session).run(inputs);
      session.endProfiling();
      const [file] = await readdir(scratch);
      const profile = file === undefined ? "[]" : await readFile(join(scratch, file), "utf8");
      return { executionProviders: providersOfProfile(profile) };
    },
  };
}

/** ONNX Runtime's options say "cpu" where its profiles say "CPUExecutionProvider"; a variant may say either. */
function backendName(provider: string): string {
  return provider.replace(/ExecutionProvider$/, "").toLowerCase();
}

/** Provider options belong to the first provider; the others are what it falls back to. */
function providerConfigs({
  executionProviders,
  providerOptions,
}: RuntimeSettings): ort.InferenceSession.ExecutionProviderConfig[] {
  const named = Object.keys(providerOptions).length > 0;
  return executionProviders.map((provider, index) => {
    const name = backendName(provider);
    return index === 0 && named ? { ...providerOptions, name } : name;
  });
}

function sessionOptions(runtime: RuntimeSettings): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: providerConfigs(runtime),
    graphOptimizationLevel: runtime.graphOptimizationLevel,
    intraOpNumThreads: runtime.intraOpThreads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    logSeverityLevel: 3,
    extra: { ...SESSION_CONFIG, ...runtime.sessionConfig },
  };
}

async function createSession(
  { folder, manifest: { entry }, runtime }: BundleLocation,
  further: ort.InferenceSession.SessionOptions,
): Promise<ort.InferenceSession> {
  const known = ort.listSupportedBackends().map(({ name }) => name);
  const unknown = runtime.executionProviders.find((provider) => !known.includes(backendName(provider)));
  if (unknown !== undefined) {
    throw new SartorError(
      "SRT_PROVIDER_UNAVAILABLE",
      `This build of ONNX Runtime knows no execution provider ${unknown}; it knows ${known.join(", ")}.`,
    );
  }
  try {
    return await ort.InferenceSession.create(join(folder, entry.model), { ...sessionOptions(runtime), ...further });
  } catch (error) {
    throw describeLoadFailure(error, runtime.executionProviders);
  }
}

function specsOf(metadata: readonly ort.InferenceSession.ValueMetadata[]): TensorSpec[] {
  return metadata.map((value) => {
    const dataType = value.isTensor ? TYPES[value.type] : undefined;
    if (!value.isTensor || dataType === undefined) {
      throw new SartorError("SRT_MODEL_UNSUPPORTED", `The model's ${value.name} is not a tensor of numbers.`);
    }
    return { name: value.name, dataType, shape: value.shape.map((size) => (typeof size === "number" ? size : -1)) };
  });
}

/** onnxruntime-common wants a Float16Array where the JavaScript engine has one, raw bits otherwise. */
function halfArray(bits: Uint16Array): ArrayBufferView {
  const Float16 = (globalThis as { Float16Array?: new (b: ArrayBufferLike, o: number, n: number) => ArrayBufferView })
    .Float16Array;
  return Float16 === undefined ? bits : new Float16(bits.buffer, bits.byteOffset, bits.length);
}

function toOrtTensor(tensor: Tensor): ort.Tensor {
  const elements = viewElements(tensor);
  const data = tensor.dataType === "FP16" ? halfArray(elements as Uint16Array) : elements;
  const AnyTensor = ort.Tensor as unknown as new (type: string, data: unknown, dims: readonly number[]) => ort.Tensor;
  return new AnyTensor(ORT_TYPES[tensor.dataType] ?? "", data, tensor.shape);
}

function fromOrtTensor(name: string, value: ort.Tensor | undefined): Tensor {
  const dataType = value === undefined ? undefined : TYPES[value.type];
  if (value === undefined || dataType === undefined) {
    throw new SartorError("SRT_INFERENCE_FAILED", `The model gave no tensor of numbers for ${name}.`);
  }
  const view = value.data as unknown as ArrayBufferView;
  return {
    name,
    dataType,
    shape: value.dims,
    data: new Uint8Array(view.buffer, view.byteOffset, view.byteLength),
  };
}

function wrapSession(session: ort.InferenceSession): LoadedModel {
  return {
    inputs: specsOf(session.inputMetadata),
    outputs: specsOf(session.outputMetadata),
    async run(inputs): Promise<ModelRun> {
      const feeds = Object.fromEntries(inputs.map((tensor) => [tensor.name, toOrtTensor(tensor)]));
      const startedAt = performance.now();
      const results = await session.run(feeds);
      const runMs = performance.now() - startedAt;
      return { outputs: session.outputNames.map((name) => fromOrtTensor(name, results[name])), runMs };
    },
    close: () => session.release(),
  };
}
