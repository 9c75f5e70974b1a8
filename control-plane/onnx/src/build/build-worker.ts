/**
 * A process of its own that builds variants of a model nobody has vouched for. It gets one request over IPC, tells what it does and ends;
 * its parent bounds its time and memory.
 */
import { SartorError } from "@sartor/shared/errors";
import { volunteerForOutOfMemory } from "../worker/index.js";
import type { BuildEvent } from "./build-request.js";
import { makeVariants } from "./make-variants.js";
import { type BuildWorkerMessage, type BuildWorkerRequest, STORED } from "./messages.js";

let stored: (() => void) | undefined;

function send(message: BuildWorkerMessage): void {
  process.send?.(message);
}

async function emit(event: BuildEvent): Promise<void> {
  if (event.type === "progress") return send({ type: "event", event });
  const answered = new Promise<void>((resolve) => {
    stored = resolve;
  });
  send({ type: "event", event });
  await answered;
}

process.on("message", async (message: BuildWorkerRequest | typeof STORED) => {
  if (message === STORED) {
    stored?.();
    return;
  }
  let last: BuildWorkerMessage;
  try {
    await volunteerForOutOfMemory();
    await makeVariants(message.request, message.limits, emit, () => performance.now());
    last = { type: "done" };
  } catch (thrown) {
    last = { type: "failed", error: SartorError.from(thrown).toBody() };
  }
  process.send?.(last, () => process.exit(0));
});
// Whoever waits for it is gone, and so is the folder's owner.
process.once("disconnect", () => process.exit(1));
