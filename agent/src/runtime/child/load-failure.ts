import { SartorError } from "@sartor/shared/errors";

const NOT_ONNX = /protobuf parsing failed|ModelProto does not have a graph|Invalid model|model\.cc:\d+ .*ModelProto/i;
const PROVIDER = /ExecutionProvider|backend not found|shared library|RequestAdapter|CUDA|TensorRT|WebGPU/i;

/** Turns ONNX Runtime's word about a model that does not load into an error with a code (its own carry none). */
export function describeLoadFailure(thrown: unknown, executionProviders: readonly string[]): SartorError {
  const message = (thrown instanceof Error ? thrown.message : String(thrown)).slice(0, 1_000);
  if (NOT_ONNX.test(message)) {
    return new SartorError("SRT_MODEL_NOT_ONNX", `The bundle's model file is not an ONNX model: ${message}`, {
      cause: thrown,
    });
  }
  const wantsMoreThanCpu = executionProviders.some((provider) => !/^cpu/i.test(provider));
  if (wantsMoreThanCpu && PROVIDER.test(message)) {
    const wanted = executionProviders.join(", ");
    return new SartorError(
      "SRT_PROVIDER_UNAVAILABLE",
      `The execution providers ${wanted} cannot be used here: ${message}`,
      {
        cause: thrown,
      },
    );
  }
  return new SartorError("SRT_MODEL_UNSUPPORTED", `ONNX Runtime cannot load the model: ${message}`, { cause: thrown });
}
