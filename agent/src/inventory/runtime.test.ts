import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type RunCommand, runCommand } from "../platform/index.js";
import { probeHost } from "./host-probe.js";
import { fileProbeCache, readRuntime } from "./runtime.js";

const folders: string[] = [];
const cachePath = () => {
  const folder = mkdtempSync(join(tmpdir(), "sartor-runtime-"));
  folders.push(folder);
  return join(folder, "providers.json");
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe("what runs models here", () => {
  it("is ONNX Runtime's version and its providers, asked in a child process once and remembered", {
    timeout: 60_000,
  }, async () => {
    let runs = 0;
    const counting: RunCommand = (...call) => {
      runs += 1;
      return runCommand(...call);
    };
    const cache = fileProbeCache(cachePath());
    const first = await readRuntime({ agentVersion: "0.1.0", run: counting, cache });
    const second = await readRuntime({ agentVersion: "0.1.0", run: counting, cache });
    expect(first.onnxRuntimeVersion).toMatch(/^\d+\.\d+\.\d+$/);
    expect(first.executionProviders).toContainEqual({ name: "cpu", bundled: true });
    expect(second).toEqual(first);
    expect(runs).toBe(1);
  });

  it("is asked again when the remembered answer is damaged or belongs to another version", async () => {
    const cache = fileProbeCache(cachePath());
    const run: RunCommand = async () => ({ status: "ok", stdout: '[{"name":"cpu","bundled":true}]', stderr: "" });
    for (const stored of ["{", '{"key":"0.0.1/v1/x","providers":[]}', '{"key":1,"providers":"x"}']) {
      await cache.write(stored);
      expect((await readRuntime({ agentVersion: "0.1.0", run, cache })).executionProviders).toEqual([
        { name: "cpu", bundled: true },
      ]);
    }
  });

  it("has no provider, and the log the reason, where the library cannot be loaded", async () => {
    const problems: string[] = [];
    const run: RunCommand = async () => ({ status: "failed", exitCode: 1, stdout: "", stderr: "GLIBC_2.34 not found" });
    const runtime = await readRuntime({ agentVersion: "0.1.0", run, onProblem: (problem) => problems.push(problem) });
    expect(runtime.executionProviders).toEqual([]);
    expect(problems[0]).toContain("GLIBC_2.34");
  });

  it("systeminformation answers for this machine from a child process", { timeout: 60_000 }, async () => {
    const answer = await probeHost(runCommand);
    expect(answer).toHaveProperty("found.graphics");
  });
});
