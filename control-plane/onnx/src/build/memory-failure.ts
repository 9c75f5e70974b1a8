import { SartorError } from "@sartor/shared/errors";

/**
 * How ONNX Runtime 1.30 and V8 say that there was no memory. The first is of ONNX Runtime's arena, when the system gives it none; the next two are
 * what the C++ library throws in kernels and while a model is loaded; the rest is V8's.
 * Source: onnxruntime 1.30, core/framework/bfc_arena.cc; C++ standard, [bad.alloc]; seen with models that ask for too much.
 */
const SAYINGS: readonly RegExp[] = [
  /Failed to allocate memory for requested buffer of size \d+/,
  /Memory allocation failed\. Size=\d+/,
  /\bstd::bad_(array_new_length|alloc)\b|\bbad allocation\b/,
  /Array buffer allocation failed/i,
];
/** Errors that are the cause of one another; no honest chain is longer. */
const DEPTH = 8;

/**
 * The error for a build that was given no memory; undefined where something else went wrong. Whoever called ONNX Runtime can only tell that it
 * refused: what it said is in the message, or in that of a cause.
 *
 * @param memoryBytes most that the build may take, as {@link BuildLimits} say
 */
export function memoryFailure(thrown: unknown, memoryBytes: number): SartorError | undefined {
  if (thrown instanceof SartorError && thrown.code === "SRT_BUILD_MEMORY") return thrown;
  for (let error = thrown, depth = 0; error instanceof Error && depth < DEPTH; error = error.cause, depth++) {
    const { message } = error;
    const isTooLong = error instanceof RangeError && /Invalid (typed )?array length/i.test(message);
    const saying = SAYINGS.map((pattern) => pattern.exec(message)?.[0]).find((said) => said !== undefined);
    if (saying === undefined && !isTooLong) continue;
    return new SartorError(
      "SRT_BUILD_MEMORY",
      `The build was given no more memory (${saying ?? message}). It may take ${Math.round(memoryBytes / 2 ** 20)} MiB: ` +
        "free memory on the machine, raise SARTOR_BUILD_MEMORY_BYTES, or use a model with smaller tensors.",
      { cause: thrown, details: { memoryBytes } },
    );
  }
  return undefined;
}
