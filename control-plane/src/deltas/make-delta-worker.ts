/**
 * A process of its own that makes one difference: tens of seconds of pure computing. It gets one request over IPC, answers once and ends; its
 * parent bounds its time and memory.
 */
import { constants, setPriority } from "node:os";
import { volunteerForOutOfMemory } from "@sartor/onnx";
import { SartorError } from "@sartor/shared/errors";
import type { DeltaJob, DeltaReply } from "./delta-job.js";
import { runDeltaJob } from "./run-delta-job.js";

process.once("message", async (job: DeltaJob) => {
  let reply: DeltaReply;
  try {
    await volunteerForOutOfMemory();
    // Nobody waits for it: devices fetch chunks meanwhile, and the server has other work.
    setPriority(constants.priority.PRIORITY_LOW);
    reply = { ok: true, outcome: await runDeltaJob(job) };
  } catch (thrown) {
    reply = { ok: false, error: SartorError.from(thrown).toBody() };
  }
  process.send?.(reply, () => process.exit(0));
});
// Nobody waits for the answer any more.
process.once("disconnect", () => process.exit(1));
