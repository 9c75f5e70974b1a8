import { createLogger, systemClock } from "@sartor/agent/platform";
import { ReleaseStore, Supervisor } from "@sartor/agent/supervisor";

/** A supervisor in a process of its own, which can be killed: `node run-supervisor.js '{"folder": ..., "trialMs": ...}'`. */
const { folder, ...pace } = JSON.parse(process.argv[2] ?? "{}") as {
  folder: string;
  trialMs: number;
  lookMs: number;
  restartMs: { first: number; longest: number };
  stopMs: number;
};
const options = { ...pace, environment: process.env, clock: systemClock, logger: createLogger("error") };
await new Supervisor({ store: new ReleaseStore(folder), ...options }).run(new AbortController().signal);
