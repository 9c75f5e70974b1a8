import { SartorError } from "@sartor/shared/errors";
import * as ort from "onnxruntime-node";
import type { CalibrationSource } from "../calibrate/index.js";

/** How a model is run; what a device would do with the variant. */
export interface RunOptions {
  readonly threads?: number;
  /** Computes each node as it stands, where fused kernels of this machine would compute something else. */
  readonly unfused?: boolean;
  /** Name of the output to give; the model's first when absent. */
  readonly output?: string;
  readonly signal?: AbortSignal;
}

/** One output of one run: samples x values. */
export interface RunOutput {
  readonly samples: number;
  readonly values: Float32Array;
}

/**
 * Runs a model on samples on the CPU provider, with all of ONNX Runtime's optimisations unless told otherwise, and yields one output run by run.
 *
 * @throws SartorError SRT_MODEL_UNSUPPORTED: ONNX Runtime refuses the model; SRT_CALIBRATION_SHAPE: it fails on a sample
 */
export async function* runOutputs(
  model: Uint8Array,
  source: CalibrationSource,
  options: RunOptions = {},
): AsyncGenerator<RunOutput> {
  let session: ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(model, {
      executionProviders: ["cpu"],
      graphOptimizationLevel: options.unfused === true ? "disabled" : "all",
      intraOpNumThreads: options.threads ?? 1,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
    });
  } catch (cause) {
    throw new SartorError("SRT_MODEL_UNSUPPORTED", `ONNX Runtime refuses the model: ${messageOf(cause)}`, { cause });
  }
  try {
    const output = options.output ?? session.outputNames[0] ?? "";
    for await (const feeds of source) {
      options.signal?.throwIfAborted();
      const tensors = Object.fromEntries(
        Object.entries(feeds).map(([name, { data, shape }]) => [name, new ort.Tensor("float32", data, [...shape])]),
      );
      const result = await session.run(tensors, [output]).catch((cause: unknown) => {
        throw new SartorError("SRT_CALIBRATION_SHAPE", `The model fails on a sample: ${messageOf(cause)}`, { cause });
      });
      const tensor = result[output];
      if (!(tensor?.data instanceof Float32Array))
        throw new SartorError("SRT_MODEL_UNSUPPORTED", `The output ${output} is not float32.`);
      yield { samples: Object.values(feeds)[0]?.shape[0] ?? 1, values: tensor.data };
    }
  } finally {
    await session.release();
  }
}

/** No class: what a sample gets whose values hold one that is no number. It equals no label, so it counts as wrong. */
export const NO_CLASS = -1;

/**
 * The class that a model names for every sample: the greatest value of its output, of equals the first; {@link NO_CLASS} where one of the values is
 * no number. Throws as {@link runOutputs}.
 */
export async function classify(
  model: Uint8Array,
  source: CalibrationSource,
  options: RunOptions = {},
): Promise<number[]> {
  const classes: number[] = [];
  for await (const { samples, values } of runOutputs(model, source, options)) {
    const length = values.length / samples;
    for (let sample = 0; sample < samples; sample++) {
      const row = values.subarray(sample * length, (sample + 1) * length);
      classes.push(classOf(row));
    }
  }
  return classes;
}

function classOf(row: Float32Array): number {
  if (row.some(Number.isNaN)) return NO_CLASS;
  return row.reduce((best, value, index) => (value > (row[best] ?? 0) ? index : best), 0);
}

function messageOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, 512);
}
