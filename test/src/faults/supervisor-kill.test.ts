import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLogger, systemClock } from "@sartor/agent/platform";
import { describeRelease, ReleaseStore, Supervisor } from "@sartor/agent/supervisor";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { seededRandom } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

const KILLS = Number(process.env.SARTOR_TEST_KILLS ?? 40);

/** What a release does that is no agent, but behaves as one. */
const BEHAVIOURS = {
  works: 'process.send("sartor-agent:proved"); setInterval(() => {}, 1e6);',
  dies: "process.exit(1);",
  hangs: "setInterval(() => {}, 1e6); process.on('SIGTERM', () => {});",
} as const;
/** As short as can be: a kill must meet each of them. */
const PACE = { trialMs: 300, lookMs: 20, restartMs: { first: 10, longest: 20 }, stopMs: 100 };

describe("a supervisor that is killed", () => {
  let folder: string;
  const stop = new AbortController();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sartor-supervisor-kill-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function makeRelease(version: string, behaviour: keyof typeof BEHAVIOURS): string {
    const from = join(folder, `release-${version}`);
    mkdirSync(join(from, "bin"), { recursive: true });
    const starts = JSON.stringify(join(folder, "starts"));
    const program = `#!${process.execPath}
require("node:fs").appendFileSync(${starts}, "${version} " + process.env.SARTOR_SUPERVISED + "\\n");
process.on("disconnect", () => process.exit());
${BEHAVIOURS[behaviour]}
`;
    writeFileSync(join(from, "bin", "agent"), program);
    chmodSync(join(from, "bin", "agent"), 0o755);
    describeRelease(from, version, "bin/agent");
    return from;
  }

  it(`at ${KILLS} moments, comes back with a release that works, and with no other`, async () => {
    const random = seededRandom(7);
    const store = new ReleaseStore(join(folder, "supervisor"));
    const starts = () =>
      existsSync(join(folder, "starts")) ? readFileSync(join(folder, "starts"), "utf8").split("\n") : [];
    const committed = () => {
      const state = store.load();
      return state === undefined ? undefined : store.read(state.committed.slot)?.release.version;
    };
    store.install(makeRelease("0", "works"));
    const script = fileURLToPath(new URL("../../dist/agent-update/run-supervisor.js", import.meta.url));
    const good = new Set(["0"]);
    const kept = new Set<string | undefined>();
    for (let kill = 1; kill <= KILLS; kill++) {
      const behaviour = (["works", "dies", "hangs"] as const)[Math.floor(random() * 3)] ?? "works";
      if (behaviour === "works") good.add(String(kill));
      const from = makeRelease(String(kill), behaviour);
      const settings = JSON.stringify({ folder: join(folder, "supervisor"), ...PACE });
      const child = spawn(process.execPath, [script, settings], { stdio: "ignore" });
      const gone = once(child, "exit");
      await new Promise((resolve) => setTimeout(resolve, random() * 400));
      try {
        store.install(from);
      } catch {
        // Another one is on trial.
      }
      await new Promise((resolve) => setTimeout(resolve, random() * 600));
      child.kill("SIGKILL");
      await gone;
      kept.add(committed());
      expect(good).toContain(committed());
      rmSync(from, { recursive: true, force: true });
    }
    const supervisor = new Supervisor({
      store,
      ...PACE,
      environment: process.env,
      clock: systemClock,
      logger: createLogger("error", () => undefined),
    });
    const running = supervisor.run(stop.signal);
    await waitFor(
      "a committed release to run",
      () => store.load()?.trial === null && starts().at(-2)?.endsWith("committed"),
    );
    stop.abort();
    await running;
    expect(good).toContain(committed());
    const provisional = starts().filter((line) => line.endsWith("provisional"));
    for (const line of new Set(provisional))
      expect(provisional.filter((each) => each === line).length).toBeLessThanOrEqual(3);
    console.info(`${KILLS} kills, ${kept.size} releases kept, ${provisional.length} provisional starts`);
    expect(kept.size).toBeGreaterThan(1);
  }, 240_000);

  it(`has at most an unfinished release beside the good one when the installation is killed at ${KILLS} moments`, async () => {
    const random = seededRandom(11);
    const store = new ReleaseStore(join(folder, "supervisor"));
    store.install(makeRelease("0", "works"));
    const before = store.load();
    const from = makeRelease("1", "works");
    // Enough to copy that a kill meets the copying, too.
    for (let file = 0; file < 60; file++) writeFileSync(join(from, `part-${file}`), Buffer.alloc(64 * 1024, file));
    describeRelease(from, "1", "bin/agent");
    const bin = fileURLToPath(new URL("../../../agent/bin/sartor-supervisor", import.meta.url));
    const env = {
      PATH: process.env.PATH,
      SARTOR_NODE: process.execPath,
      SARTOR_SUPERVISOR_DIR: join(folder, "supervisor"),
    };
    const began = performance.now();
    await once(spawn(bin, ["install", from], { env, stdio: "ignore" }), "exit");
    expect(store.isWhole("b")).toBe(true);
    const wholeMs = performance.now() - began;
    let unfinished = 0;
    for (let kill = 1; kill <= KILLS; kill++) {
      const child = spawn(bin, ["install", from], { env, stdio: "ignore" });
      const gone = once(child, "exit");
      await new Promise((resolve) => setTimeout(resolve, random() * 1.3 * wholeMs));
      child.kill("SIGKILL");
      await gone;
      if (store.read("b") === undefined) unfinished += 1;
      else expect(store.isWhole("b")).toBe(true);
      expect(store.load()).toEqual(before);
      expect(store.isWhole("a")).toBe(true);
    }
    store.install(from);
    expect(store.isWhole("b")).toBe(true);
    console.info(`${KILLS} kills of an installation, ${unfinished} unfinished`);
  }, 120_000);
});
