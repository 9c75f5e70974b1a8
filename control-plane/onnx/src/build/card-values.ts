import type { DatasetFile } from "./build-request.js";

/** Beyond this, noise is that of rounding fp32 itself; JSON knows no infinity. */
const MOST_DECIBELS = 200;

/** What a card says of a dataset. */
export function datasetReference({ datasetId, name, digest, samples }: DatasetFile) {
  return { datasetId, name, digest, samples };
}

/** A ratio that JSON can carry. */
export function finiteDecibels(decibels: number): number {
  if (Number.isNaN(decibels)) return -MOST_DECIBELS;
  return Math.max(-MOST_DECIBELS, Math.min(MOST_DECIBELS, Math.round(decibels * 100) / 100));
}
