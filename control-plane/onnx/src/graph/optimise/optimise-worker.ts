/** A process of its own in which ONNX Runtime loads a model nobody has vouched for and writes it back optimised. */
import { SartorError } from "@sartor/shared/errors";
import type { OptimiseReply, OptimiseRequest } from "./messages.js";

async function optimise(request: OptimiseRequest): Promise<void> {
  const ort = await import("onnxruntime-node");
  const session = await ort.InferenceSession.create(request.inputPath, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: request.level,
    optimizedModelFilePath: request.outputPath,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
    extra: nested(request.sessionConfig),
  });
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

process.once("message", async (request: OptimiseRequest) => {
  let reply: OptimiseReply;
  try {
    await optimise(request);
    reply = { ok: true };
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const problem = `ONNX Runtime refuses the model: ${message.slice(0, 1024)}`;
    reply = { ok: false, error: new SartorError("SRT_MODEL_UNSUPPORTED", problem).toBody() };
  }
  process.send?.(reply, () => process.exit(0));
});
