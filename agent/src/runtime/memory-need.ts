import { SartorError } from "@sartor/shared/errors";

const MIB = 1024 * 1024;
/**
 * What a child takes that holds a model and has run its golden vectors: so much for Node and ONNX Runtime, and so many times the bundle's
 * files for weights, their packed copies, golden vectors and the arena. Peaks of proportional set size while loading, fp32, x86-64, ONNX
 * Runtime 1.30: 52 MiB without a model to speak of, 63 MiB with files of 2.7 MiB, 216 MiB with files of 49.2 MiB: at most 3.9 times the
 * files above the 52.
 */
const PROCESS_BYTES = 64 * MIB;
const COPIES_OF_FILES = 4;
/** What has to stay free for what serves and for the rest of the device. */
const SPARE_BYTES = 64 * MIB;

/** Estimated memory of a candidate while it is loaded and measured, bytes, by the size of its bundle's files. */
export const estimateMemoryNeed = (filesBytes: number): number => PROCESS_BYTES + COPIES_OF_FILES * filesBytes;

/**
 * Decides whether a candidate may be loaded beside what serves.
 *
 * @param filesBytes size of all of its bundle's files
 * @param availableBytes what the device has to give; undefined where it does not tell
 * @throws SartorError SRT_TUNING_MEMORY
 */
export function requireMemory(filesBytes: number, availableBytes: number | undefined): void {
  const need = estimateMemoryNeed(filesBytes);
  if (availableBytes === undefined || availableBytes >= need + SPARE_BYTES) return;
  throw new SartorError(
    "SRT_TUNING_MEMORY",
    `It is not loaded beside what serves: it needs about ${mebibytes(need)}, ${mebibytes(SPARE_BYTES)} stay free for what serves, and ${mebibytes(availableBytes)} are available.`,
  );
}

const mebibytes = (bytes: number) => `${Math.round(bytes / MIB)} MiB`;
