import { SartorError } from "@sartor/shared/errors";
import { EditableGraph, ELEMENT } from "../graph/index.js";
import { ActivationStatistics } from "./activation-statistics.js";
import type { CalibrationSource } from "./calibration-source.js";
import { TapSession } from "./tap-session.js";

/** What a calibration saw. */
export interface Calibration {
  /** Statistics by the value's name. */
  readonly statistics: ReadonlyMap<string, ActivationStatistics>;
  /** Samples seen. */
  readonly samples: number;
}

export interface CalibrationOptions {
  /** Values to look at; all float values that nodes read or write when absent. */
  readonly values?: readonly string[];
  /** Called after every run. */
  readonly onProgress?: (samples: number) => void;
  readonly signal?: AbortSignal;
}

/** Names of all float values that nodes of a model compute or read, constants left out. */
export function floatValuesOf(graph: EditableGraph): string[] {
  const types = graph.elementTypes();
  const names = new Set<string>();
  for (const node of graph.sorted()) for (const name of [...node.input, ...node.output]) names.add(name);
  return [...names].filter(
    (name) => name !== "" && types.get(name) === ELEMENT.float && graph.initializer(name) === undefined,
  );
}

/**
 * Runs a model on calibration samples and keeps statistics of its activations. Reads the source once; memory does not grow with the samples.
 *
 * @throws SartorError SRT_CALIBRATION_EMPTY, SRT_CALIBRATION_SHAPE, SRT_CALIBRATION_NOT_FINITE, SRT_MODEL_NOT_ONNX, SRT_MODEL_UNSUPPORTED
 */
export async function calibrateModel(
  model: Uint8Array,
  source: CalibrationSource,
  options: CalibrationOptions = {},
): Promise<Calibration> {
  const values = options.values ?? floatValuesOf(EditableGraph.decode(model));
  const statistics = new Map(values.map((name) => [name, new ActivationStatistics(name)]));
  const session = await TapSession.open(model, values);
  let samples = 0;
  try {
    for await (const feeds of source) {
      options.signal?.throwIfAborted();
      const batch = Object.values(feeds)[0]?.shape[0] ?? 1;
      await session.run(feeds, (name, tensor) => statistics.get(name)?.add(tensor, batch));
      samples += batch;
      options.onProgress?.(samples);
    }
  } finally {
    await session.close();
  }
  if (samples === 0) throw new SartorError("SRT_CALIBRATION_EMPTY", "The calibration set has no sample.");
  return { statistics, samples };
}
