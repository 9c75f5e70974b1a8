#!/usr/bin/env node
import { SartorError } from "@sartor/shared/errors";
import { startAgent } from "./agent.js";
import { readSettings } from "./config/index.js";
import { createLogger, systemClock } from "./platform/index.js";

/** Longest time for an orderly end, ms; after that the process ends anyway: the journal makes that safe. */
const STOP_DEADLINE_MS = 12_000;

async function main(): Promise<void> {
  const settings = readSettings();
  const logger = createLogger(settings.logLevel);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  // A launcher that started us with a channel and is gone will not stop us any more.
  if (process.connected) process.once("disconnect", () => stop.abort());
  const agent = await startAgent(settings, { clock: systemClock, logger, signal: stop.signal });
  if (!stop.signal.aborted)
    await new Promise((resolve) => stop.signal.addEventListener("abort", resolve, { once: true }));
  const deadline = setTimeout(() => process.exit(1), STOP_DEADLINE_MS);
  await agent.stop();
  clearTimeout(deadline);
}

main().then(
  () => process.exit(0),
  (thrown: unknown) => {
    const error = SartorError.from(thrown);
    process.stderr.write(`sartor-agent: ${error.message} [${error.code}]\n`);
    process.exit(1);
  },
);
