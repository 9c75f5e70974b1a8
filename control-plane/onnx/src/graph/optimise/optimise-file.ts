import { SartorError } from "@sartor/shared/errors";
import type { OptimiseRequest } from "./messages.js";

/**
 * Lets ONNX Runtime load a model file and write it back optimised. Blocks its thread meanwhile.
 *
 * @throws SartorError SRT_MODEL_UNSUPPORTED: ONNX Runtime refuses the model
 */
export async function optimiseFile(request: OptimiseRequest): Promise<void> {
  const ort = await import("onnxruntime-node");
  const refuse = (thrown: unknown): never => {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    throw new SartorError("SRT_MODEL_UNSUPPORTED", `ONNX Runtime refuses the model: ${message.slice(0, 1024)}`);
  };
  const session = await ort.InferenceSession.create(request.inputPath, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: request.level,
    optimizedModelFilePath: request.outputPath,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
    extra: nested(request.sessionConfig),
  }).catch(refuse);
  await session.release();
}

/** onnxruntime-node joins the keys of nested objects with dots: `{session: {a: "1"}}` sets `session.a`. */
function nested(entries: Readonly<Record<string, string>>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(entries)) {
    const parts = key.split(".");
    const last = parts.pop() ?? key;
    let at = root;
    for (const part of parts) {
      at[part] ??= {};
      at = at[part] as Record<string, unknown>;
    }
    at[last] = value;
  }
  return root;
}
