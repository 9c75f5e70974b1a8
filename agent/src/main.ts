#!/usr/bin/env node
import { SartorError } from "@sartor/shared/errors";
import { type Agent, startAgent } from "./agent.js";
import { readSettings } from "./config/index.js";
import { createLogger, systemClock } from "./platform/index.js";
import { PROVED } from "./supervisor/index.js";

/** Longest time for an orderly end, ms; after that the process ends anyway: the journal makes that safe. */
const STOP_DEADLINE_MS = 12_000;

/** How often an agent on trial looks whether it has proved itself, ms. */
const PROOF_LOOK_MS = 1_000;

async function main(): Promise<void> {
  const settings = readSettings();
  const logger = createLogger(settings.logLevel);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  // A launcher that started us with a channel and is gone will not stop us any more.
  if (process.connected) process.once("disconnect", () => stop.abort());
  const agent = await startAgent(settings, { clock: systemClock, logger, signal: stop.signal });
  if (settings.isProvisional) void proveTo(agent, stop.signal);
  if (!stop.signal.aborted)
    await new Promise((resolve) => stop.signal.addEventListener("abort", resolve, { once: true }));
  const deadline = setTimeout(() => process.exit(1), STOP_DEADLINE_MS);
  await agent.stop();
  clearTimeout(deadline);
}

/** Tells the supervisor, once, that this release of the agent works. */
async function proveTo(agent: Agent, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !agent.hasProved()) await systemClock.sleep(PROOF_LOOK_MS, signal).catch(() => undefined);
  if (!signal.aborted && process.connected) process.send?.(PROVED);
}

main().then(
  () => process.exit(0),
  (thrown: unknown) => {
    const error = SartorError.from(thrown);
    process.stderr.write(`sartor-agent: ${error.message} [${error.code}]\n`);
    process.exit(1);
  },
);
