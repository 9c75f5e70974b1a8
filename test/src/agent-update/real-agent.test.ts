import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, createWriteStream, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeRelease, ReleaseStore } from "@sartor/agent/supervisor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Fleet, startFleet } from "../support/fleet.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

const BIN = fileURLToPath(new URL("../../../agent/bin/", import.meta.url));

describe("a real agent under its supervisor", () => {
  let fleet: Fleet;
  let supervisor: ChildProcess | undefined;
  let log: string;
  beforeAll(async () => {
    fleet = await startFleet();
    await fleet.register(buildTinyClassifier({ name: "tiny", version: "1.0.0" }));
    await fleet.rollOut("tiny", "1.0.0");
    await fleet.serving("1.0.0");
    // From now on a supervisor runs the same device's agent.
    await fleet.agent.stop();
    log = join(fleet.folder, "supervisor.log");
  }, 180_000);
  afterAll(async () => {
    if (supervisor !== undefined) {
      const gone = once(supervisor, "exit");
      supervisor.kill("SIGTERM");
      await gone;
    }
    await fleet?.stop();
  });

  /** A release that starts the agent of this checkout, with a change to its settings. */
  function makeRelease(version: string, change: string): string {
    const folder = join(fleet.folder, `release-${version}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "agent"), `#!/bin/sh\n${change}\nexec "${join(BIN, "sartor-agent")}" "$@"\n`);
    chmodSync(join(folder, "agent"), 0o755);
    describeRelease(folder, version, "agent");
    return folder;
  }

  it("is kept once it has connected, reported and serves its model; one that cannot connect is given up, and the model serves on", async () => {
    const root = join(fleet.folder, "supervisor");
    const store = new ReleaseStore(root);
    store.install(makeRelease("1.0.0", ""));
    supervisor = spawn(join(BIN, "sartor-supervisor"), ["run"], {
      env: {
        PATH: process.env.PATH,
        SARTOR_NODE: process.execPath,
        SARTOR_SUPERVISOR_DIR: root,
        SARTOR_TRIAL_S: "20",
        SARTOR_AGENT_STATE_DIR: fleet.agent.folder,
        SARTOR_INFERENCE_PORT: "0",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const file = createWriteStream(log);
    supervisor.stdout?.pipe(file, { end: false });
    supervisor.stderr?.pipe(file, { end: false });
    await fleet.serving("1.0.0");
    const committed = () => store.read(store.load()?.committed.slot ?? "a")?.release.version;

    store.install(makeRelease("1.1.0", "export SARTOR_OUTBOX_BYTES=1048576"));
    await waitFor("the new release to be kept", () => committed() === "1.1.0", 60_000);
    await fleet.serving("1.0.0");

    // It starts, and sees no state: without a token it cannot enrol.
    store.install(makeRelease("1.2.0", `export SARTOR_AGENT_STATE_DIR=${join(fleet.folder, "elsewhere")}`));
    await waitFor("the bad release to be given up", () => store.load()?.refused.length === 1, 120_000);
    expect(committed()).toBe("1.1.0");
    await fleet.serving("1.0.0");
    expect(readFileSync(log, "utf8")).toContain("is given up");
  }, 300_000);
});
