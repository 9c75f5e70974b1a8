/**
 * A process of its own that reads samples which nobody has vouched for, however many and whatever they are. It gets one request over IPC,
 * answers once and ends; its parent bounds its time and memory.
 */
import { inspectDataset, volunteerForOutOfMemory } from "@sartor/onnx";
import { SartorError } from "@sartor/shared/errors";
import type { InspectReply, InspectRequest } from "./dataset-inspector.service.js";

process.once("message", async ({ path, manifest }: InspectRequest) => {
  let reply: InspectReply;
  try {
    await volunteerForOutOfMemory();
    reply = { ok: true, content: await inspectDataset(path, manifest) };
  } catch (thrown) {
    reply = { ok: false, error: SartorError.from(thrown).toBody() };
  }
  process.send?.(reply, () => process.exit(0));
});
// Nobody waits for the answer any more.
process.once("disconnect", () => process.exit(1));
