#!/usr/bin/env node
import { resolve } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { readSupervisorSettings } from "./config/index.js";
import { createLogger, systemClock } from "./platform/index.js";
import { describeRelease, RELEASE_SLOTS, ReleaseStore, Supervisor } from "./supervisor/index.js";

const USAGE = `usage: sartor-supervisor run                            run the agent, and go back where a new release does not prove itself
       sartor-supervisor install FOLDER                 put a release on trial; the first one is kept at once
       sartor-supervisor describe FOLDER VERSION ENTRY  write FOLDER/release.json
       sartor-supervisor status`;

async function main([command, ...words]: readonly string[]): Promise<void> {
  const { folder, trialMs, logLevel, environment } = readSupervisorSettings();
  const store = () => new ReleaseStore(folder);
  const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  const [from, version, entry] = words;
  if (command === "run" && words.length === 0) {
    const stop = new AbortController();
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
    const logger = createLogger(logLevel);
    await new Supervisor({ store: store(), trialMs, environment, clock: systemClock, logger }).run(stop.signal);
  } else if (command === "install" && from !== undefined && words.length === 1) print(store().install(resolve(from)));
  else if (command === "describe" && from !== undefined && version !== undefined && entry !== undefined)
    print({ files: describeRelease(resolve(from), version, entry).files.length });
  else if (command === "status" && words.length === 0) {
    const opened = store();
    const slots = RELEASE_SLOTS.map((slot) => [slot, opened.read(slot)?.release.version ?? null]);
    print({ ...(opened.load() ?? { committed: null }), slots: Object.fromEntries(slots) });
  } else throw new SartorError("SRT_INVALID_REQUEST", USAGE);
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (thrown: unknown) => {
    const error = SartorError.from(thrown);
    process.stderr.write(`sartor-supervisor: ${error.message} [${error.code}]\n`);
    process.exit(1);
  },
);
