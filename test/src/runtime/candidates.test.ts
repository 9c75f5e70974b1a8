import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CandidateProcesses } from "@sartor/agent/runtime";
import { readGoldenVectors, writeGoldenVectors } from "@sartor/shared/domain/tensor";
import type { RuntimeSettings } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildTinyClassifier, type TinyBundle, type TinyModel, writeSlot } from "../support/tiny-model.js";
import { eventually } from "./serving-device.js";

const never = new AbortController().signal;
const quick = buildTinyClassifier({ seed: 1 });
const slow = buildTinyClassifier({ seed: 1, spinIterations: 40 });
const endless = buildTinyClassifier({ seed: 1, spinIterations: 4_000 });

const alive = (pid: number | undefined): boolean => {
  try {
    process.kill(pid ?? 0, 0);
    return true;
  } catch {
    return false;
  }
};

describe("a candidate that is measured beside what serves", () => {
  let root: string;
  let processes: CandidateProcesses;
  const bundles = new Map<string, TinyBundle & { readonly folder: string }>();
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "sartor-candidate-"));
    processes = new CandidateProcesses({ locate: (bundleId) => bundles.get(bundleId) });
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function candidate(model: TinyModel, runtime: Partial<RuntimeSettings> = {}) {
    const folder = join(root, `bundle-${bundles.size}`);
    const bundle = await writeSlot(folder, model, runtime);
    bundles.set(bundle.bundleId, { ...bundle, folder });
    return { bundle: { bundleId: bundle.bundleId }, runtime: bundle.manifest.runtime };
  }

  it("gives its golden vectors, where its graph ran, its memory, and one time a run", async () => {
    const session = await processes.open(await candidate(quick), never);
    expect(session.golden).toMatchObject({ passed: true, topOneAgreement: 1 });
    expect(session.executionProviders).toEqual(["CPUExecutionProvider"]);
    expect(session.inspectionCpuMs).toBeGreaterThan(0);
    const times = await session.run(20, 3, never);
    expect(times).toHaveLength(20);
    expect(times.every((time) => time > 0)).toBe(true);
    expect(await session.run(0, 5, never)).toHaveLength(0);
    expect(await session.memoryBytes()).toBeGreaterThan(10_000_000);
    expect(processes.pids()).toEqual([session.pid]);
    await session.close();
    expect(alive(session.pid)).toBe(false);
    expect(processes.pids()).toEqual([]);
  });

  it("stands back behind what serves, with every thread that computes, and goes first when memory runs out", async () => {
    const session = await processes.open(await candidate(quick, { intraOpThreads: 2 }), never);
    await session.run(5, 0, never);
    const nicenessOf = async (thread: string) => {
      const text = await readFile(`/proc/${session.pid}/task/${thread}/stat`, "utf8");
      return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[16]);
    };
    const mainThread = await nicenessOf(String(session.pid));
    expect(mainThread).toBe(10);
    const threads = await readdir(`/proc/${session.pid}/task`);
    const niceness = await Promise.all(threads.map(nicenessOf));
    // Node's own helpers may be older than the change; the threads that ONNX Runtime makes for the model are not.
    expect(niceness.filter((value) => value === 10).length).toBeGreaterThanOrEqual(2);
    expect(Number(await readFile(`/proc/${session.pid}/oom_score_adj`, "utf8"))).toBe(1000);
    await session.close();
  });

  it("whose golden vectors do not hold says so and can be refused", async () => {
    const vectors = readGoldenVectors(quick.golden, quick.manifest);
    const wrong = vectors.outputs.map((tensor) => ({ ...tensor, data: new Uint8Array(tensor.data.byteLength) }));
    const golden = writeGoldenVectors({ ...vectors, outputs: wrong });
    const session = await processes.open(await candidate({ ...quick, golden }), never);
    expect(session.golden.passed).toBe(false);
    await session.close();
  });

  it.each([
    ["is no ONNX model", { ...quick, onnx: new TextEncoder().encode("a letter") }, {}, "SRT_MODEL_NOT_ONNX"],
    ["wants another runtime", quick, { adapter: "triton" as const }, "SRT_PROVIDER_UNAVAILABLE"],
    ["wants a provider that is not there", quick, { executionProviders: ["cuda"] }, "SRT_PROVIDER_UNAVAILABLE"],
  ])("that %s is refused by its code and leaves no process behind", async (_, model, runtime, code) => {
    await expect(processes.open(await candidate(model, runtime), never)).rejects.toMatchObject({ code });
    await eventually(() => processes.pids().length === 0, "no process is left");
  });

  it("that was never fetched is refused", async () => {
    const { runtime } = await candidate(quick);
    const bundle = { bundleId: `sha256:${"0".repeat(64)}` };
    await expect(processes.open({ bundle, runtime }, never)).rejects.toMatchObject({ code: "SRT_BUNDLE_UNKNOWN" });
  });

  it("gives the device back at once when it is interrupted in the middle of its runs", async () => {
    const session = await processes.open(await candidate(slow), never);
    const stop = new AbortController();
    const running = session.run(50_000, 0, stop.signal);
    setTimeout(() => stop.abort(new DOMException("a deployment begins", "AbortError")), 100);
    await expect(running).rejects.toThrow("a deployment begins");
    await eventually(() => !alive(session.pid), "its process is gone");
    await session.close();
  });

  it("gives the device back at once when it is interrupted while it is loaded", async () => {
    const stop = new AbortController();
    const opening = processes.open(await candidate(endless), stop.signal);
    setTimeout(() => stop.abort(new DOMException("a deployment begins", "AbortError")), 300);
    await expect(opening).rejects.toThrow("a deployment begins");
    await eventually(() => processes.pids().length === 0, "no process is left");
  });

  it("does no harm when it is interrupted before its first process is started", async () => {
    const stop = new AbortController();
    const opening = processes.open(await candidate(quick), stop.signal);
    // An error that nobody waits for would end the agent, and this test.
    stop.abort(new DOMException("a deployment begins", "AbortError"));
    await expect(opening).rejects.toThrow("a deployment begins");
    expect(processes.pids()).toEqual([]);
  });

  it("leaves no notes of its profiler behind when the agent is killed while it looks", async () => {
    const { bundle, runtime } = await candidate(endless);
    const { folder, manifest } = bundles.get(bundle.bundleId) ?? { folder: "", manifest: undefined };
    const script = `
      import { CandidateProcesses } from "@sartor/agent/runtime";
      const processes = new CandidateProcesses({ locate: () => (${JSON.stringify({ folder, manifest })}) });
      await processes.open(${JSON.stringify({ bundle, runtime })}, new AbortController().signal);`;
    const agent = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: import.meta.dirname,
      env: { PATH: process.env.PATH, TMPDIR: root },
      stdio: "ignore",
    });
    const notes = async () => {
      const names = (await readdir(root)).filter((name) => name.startsWith("sartor-profile-"));
      const inside = await Promise.all(names.map((name) => readdir(join(root, name)).catch(() => [])));
      return { folders: names.length, files: inside.flat().length };
    };
    await eventually(async () => (await notes()).files > 0, "the profiler takes notes");
    agent.kill("SIGKILL");
    await once(agent, "exit");
    await eventually(async () => (await notes()).folders === 0, "the notes are gone");
  });

  it("that dies is told from one that answers", async () => {
    const session = await processes.open(await candidate(slow), never);
    const running = session.run(50_000, 0, never);
    process.kill(session.pid ?? 0, "SIGKILL");
    await expect(running).rejects.toMatchObject({ code: "SRT_MODEL_UNSUPPORTED" });
    await expect(session.run(1, 0, never)).rejects.toMatchObject({ code: "SRT_MODEL_UNSUPPORTED" });
    await session.close();
  });
});
