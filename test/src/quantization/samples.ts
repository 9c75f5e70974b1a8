import type { CalibrationFeeds } from "@sartor/onnx";

/** Images as runs of so many at a time. */
export function* batches(
  input: string,
  images: Float32Array,
  shape: readonly number[],
  size: number,
): Generator<CalibrationFeeds> {
  const length = shape.reduce((product, dimension) => product * dimension, 1);
  const count = images.length / length;
  for (let from = 0; from < count; from += size) {
    const here = Math.min(size, count - from);
    yield { [input]: { shape: [here, ...shape], data: images.subarray(from * length, (from + here) * length) } };
  }
}
