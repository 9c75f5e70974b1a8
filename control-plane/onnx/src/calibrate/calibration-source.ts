/** One float32 tensor of a calibration sample. */
export interface CalibrationTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Inputs of one run by name. The first dimension may hold several samples. */
export type CalibrationFeeds = Readonly<Record<string, CalibrationTensor>>;

/** Samples, one run after the other; read once and never kept. */
export type CalibrationSource = AsyncIterable<CalibrationFeeds> | Iterable<CalibrationFeeds>;
