/** A process of its own in which ONNX Runtime loads a model nobody has vouched for and writes it back optimised. */
import { SartorError } from "@sartor/shared/errors";
import type { OptimiseReply, OptimiseRequest } from "./messages.js";
import { optimiseFile } from "./optimise-file.js";

process.once("message", async (request: OptimiseRequest) => {
  let reply: OptimiseReply;
  try {
    await optimiseFile(request);
    reply = { ok: true };
  } catch (thrown) {
    reply = { ok: false, error: SartorError.from(thrown).toBody() };
  }
  process.send?.(reply, () => process.exit(0));
});
