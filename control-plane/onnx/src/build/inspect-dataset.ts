import { DatasetSamples, type SampleManifest } from "./dataset-samples.js";

/** What a dataset holds. */
export interface DatasetContent {
  readonly samples: number;
  /** Samples of each class by the class's index as a string; null without labels. */
  readonly classCounts: Record<string, number> | null;
}

/**
 * Reads a dataset once and checks that it can be used for a model: layout, shapes, labels and that every value is finite. Memory stays
 * bounded, and other work goes on between reads.
 *
 * @throws SartorError SRT_DATASET_INVALID, SRT_CALIBRATION_SHAPE, SRT_CALIBRATION_EMPTY, SRT_CALIBRATION_NOT_FINITE
 */
export async function inspectDataset(path: string, manifest: SampleManifest): Promise<DatasetContent> {
  const samples = await DatasetSamples.open(path, manifest);
  try {
    const labels = samples.hasLabels ? await samples.labels() : null;
    for await (const _ of samples.runs({ batch: 64 }));
    return { samples: samples.count, classCounts: labels === null ? null : countClasses(labels) };
  } finally {
    await samples.close();
  }
}

function countClasses(labels: Int32Array): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}
