import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger, systemClock } from "../platform/index.js";
import { describeRelease, RELEASE_FILE, ReleaseStore, Supervisor } from "./index.js";

/** What a release does that is no agent, but behaves as one: it writes down each start, and proves itself, dies or hangs. */
const BEHAVIOURS = {
  works: 'process.send("sartor-agent:proved"); setInterval(() => {}, 1e6);',
  dies: "process.exit(1);",
  hangs: "setInterval(() => {}, 1e6); process.on('SIGTERM', () => {});",
} as const;

describe("the supervisor of the agent", () => {
  let folder: string;
  let stop: AbortController;
  let running: Promise<void> | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sartor-supervisor-"));
    stop = new AbortController();
    running = undefined;
  });
  afterEach(async () => {
    stop.abort();
    await running;
    rmSync(folder, { recursive: true, force: true });
  });

  const starts = () =>
    existsSync(join(folder, "starts")) ? readFileSync(join(folder, "starts"), "utf8").split("\n") : [];
  const store = () => new ReleaseStore(join(folder, "supervisor"));

  function makeRelease(version: string, behaviour: keyof typeof BEHAVIOURS): string {
    const from = join(folder, `release-${version}`);
    mkdirSync(join(from, "bin"), { recursive: true });
    const program = `#!${process.execPath}\nrequire("node:fs").appendFileSync(${JSON.stringify(join(folder, "starts"))}, "${version} " + process.env.SARTOR_SUPERVISED + "\\n");\nprocess.on("disconnect", () => process.exit());\n${BEHAVIOURS[behaviour]}\n`;
    writeFileSync(join(from, "bin", "agent"), program);
    chmodSync(join(from, "bin", "agent"), 0o755);
    writeFileSync(join(from, "more.txt"), `of ${version}`);
    describeRelease(from, version, "bin/agent");
    return from;
  }

  function run(trialMs = 60_000): void {
    const supervisor = new Supervisor({
      store: store(),
      trialMs,
      environment: {},
      clock: systemClock,
      logger: createLogger("error", () => undefined),
      lookMs: 20,
      restartMs: { first: 10, longest: 20 },
      stopMs: 500,
    });
    running = supervisor.run(stop.signal);
  }

  async function until(is: () => boolean): Promise<void> {
    while (!is()) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const committed = () => {
    const state = store().load();
    return state === undefined ? undefined : store().read(state.committed.slot)?.release.version;
  };

  it("keeps a release that proves itself", async () => {
    store().install(makeRelease("1", "works"));
    run();
    await until(() => starts().includes("1 committed"));
    store().install(makeRelease("2", "works"));
    await until(() => committed() === "2");
    expect(starts()).toContain("2 provisional");
    expect(store().load()).toMatchObject({ trial: null, refused: [] });
  });

  it("goes back by itself when a release ends again and again, and never tries it again", async () => {
    store().install(makeRelease("1", "works"));
    run();
    const bad = makeRelease("2", "dies");
    await until(() => starts().includes("1 committed"));
    store().install(bad);
    await until(() => (store().load()?.refused.length ?? 0) === 1);
    await until(() => starts().filter((line) => line === "1 committed").length === 2);
    expect(starts().filter((line) => line === "2 provisional")).toHaveLength(3);
    expect(() => store().install(bad)).toThrow(/given up/);
    expect(committed()).toBe("1");
  });

  it("goes back by itself when a release runs and proves nothing, although it does not listen to signals", async () => {
    store().install(makeRelease("1", "works"));
    run(400);
    await until(() => starts().includes("1 committed"));
    store().install(makeRelease("2", "hangs"));
    await until(() => (store().load()?.refused.length ?? 0) === 1);
    await until(() => starts().filter((line) => line === "1 committed").length === 2);
    expect(starts().filter((line) => line === "2 provisional")).toHaveLength(1);
  });

  it("does not start a trial that the disk has damaged", async () => {
    store().install(makeRelease("1", "works"));
    const { slot } = store().install(makeRelease("2", "works"));
    appendFileSync(join(store().folder(slot), "more.txt"), "!");
    run();
    await until(() => starts().includes("1 committed"));
    expect(starts()).not.toContain("2 provisional");
    expect(committed()).toBe("1");
  });

  it("refuses a release whose files are not as it says, or lie outside it", () => {
    const from = makeRelease("1", "works");
    writeFileSync(join(from, "more.txt"), "something else");
    expect(() => store().install(from)).toThrow(/more\.txt/);
    rmSync(join(from, "more.txt"));
    symlinkSync("/etc/hostname", join(from, "more.txt"));
    expect(() => store().install(from)).toThrow(/more\.txt|symlink/);
    for (const path of ["../out", "/etc/passwd", "a/../../b", ""]) {
      const release = JSON.parse(readFileSync(join(from, RELEASE_FILE), "utf8"));
      release.files[1].path = path;
      writeFileSync(join(from, RELEASE_FILE), JSON.stringify(release));
      expect(() => store().install(from), path).toThrow(/no release/);
    }
    expect(store().load()).toBeUndefined();
  });
});
