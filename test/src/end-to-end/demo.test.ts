import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DeviceSummary, Page } from "@sartor/shared/protocol";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { roadSignModel } from "../support/road-sign-model.js";

const SARTOR = fileURLToPath(new URL("../../../control-plane/cli/dist/main.js", import.meta.url));
const UP_MS = 120_000;
/** Variants, the tailored rollout and the tuning take minutes on two busy cores. */
const TAILORED_MS = 480_000;
const VERDICT = /this machine (?:keeps|switches to|stays for now with) \S+ on cpu, \d+ threads?[^:]*: /;

/** The demo as `npm start` runs it once everything is set up. */
interface Demo {
  readonly output: () => string;
  /** Resolves when the demo has printed it. */
  says(text: string | RegExp, timeoutMs: number): Promise<void>;
  /** Ctrl-C; resolves with the exit code. */
  interrupt(): Promise<number | null>;
}

/** Demos that were started, so that a test that fails leaves none behind. */
const running = new Map<ChildProcess, Promise<unknown>>();

async function startDemo(stateFolder: string, devices: number): Promise<Demo> {
  const child: ChildProcess = spawn(
    process.execPath,
    [SARTOR, "--state", stateFolder, "demo", "--devices", String(devices)],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => (output += String(text)));
  const gone = new Promise<number | null>((resolve) => child.once("exit", resolve));
  running.set(child, gone);
  const says = async (text: string | RegExp, timeoutMs: number) => {
    const deadline = Date.now() + timeoutMs;
    while (output.search(text) < 0) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`the demo did not say ${text}:\n${output}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  await says("Ctrl-C stops everything", UP_MS);
  return {
    output: () => output,
    says,
    interrupt: () => {
      child.kill("SIGINT");
      return gone;
    },
  };
}

/** Programs whose command line or environment names the folder. */
function processesOf(folder: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return ["cmdline", "environ"].some((file) => readFileSync(`/proc/${pid}/${file}`, "utf8").includes(folder));
      } catch {
        return false;
      }
    });
}

describe("the main job", () => {
  const folder = mkdtempSync(join(tmpdir(), "sartor-demo-"));
  afterEach(async () => {
    for (const [child, gone] of running) {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGINT");
      await gone;
    }
    running.clear();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const addressIn = (output: string, label: string) => new RegExp(`${label} +(http\\S+)`).exec(output)?.[1] ?? "";

  async function devicesOf(output: string): Promise<DeviceSummary[]> {
    const dashboard = new URL(addressIn(output, "dashboard"));
    const token = dashboard.hash.replace("#token=", "");
    const reply = await fetch(new URL("/api/v1/devices", dashboard), { headers: { authorization: `Bearer ${token}` } });
    return ((await reply.json()) as Page<DeviceSummary>).items;
  }

  it("ends with this machine and an emulated device serving road signs, and Ctrl-C in the middle of a build leaves nothing running", async () => {
    const demo = await startDemo(folder, 1);
    const endpoint = addressIn(demo.output(), "inference endpoint");
    const image = roadSignModel().image;
    const reply = await fetch(endpoint, { method: "POST", headers: { "content-type": "image/png" }, body: image });
    expect(await reply.json()).toMatchObject({ model_name: "road-sign", class: { label: expect.any(String) } });
    const devices = await devicesOf(demo.output());
    expect(devices.map((device) => device.emulated).sort()).toEqual([false, true]);
    expect(devices.every((device) => device.serving?.state === "ready")).toBe(true);
    await demo.says("building variants", UP_MS);
    expect(await demo.interrupt()).toBe(0);
    expect(processesOf(folder)).toEqual([]);
    // In peace, not by force: each process says goodbye before it goes.
    for (const log of ["agents/this-machine/agent.log", "logs/camera-1.log"]) {
      expect(readFileSync(join(folder, log), "utf8")).toMatch(/stopped|ended/);
    }
  }, 360_000);

  it("goes on where it was ended: each device gets the first choice of its plan, and this machine proves its own by measuring", async () => {
    expect(existsSync(join(folder, "control-plane"))).toBe(true);
    const demo = await startDemo(folder, 1);
    expect(demo.output()).not.toContain("rollout succeeded");
    await demo.says(VERDICT, TAILORED_MS);
    if (demo.output().includes("this machine switches to")) await demo.says("this machine's switch succeeded", UP_MS);
    expect(demo.output()).not.toContain("tailoring ended early");
    expect(demo.output()).toMatch(/\d+ candidates? measured, \d+ runs? in /);
    expect(demo.output()).toContain("tailored rollout succeeded");
    const devices = await devicesOf(demo.output());
    expect(devices).toHaveLength(2);
    expect(devices.every((device) => device.serving?.state === "ready")).toBe(true);
    expect(await demo.interrupt()).toBe(0);
    expect(processesOf(folder)).toEqual([]);
  }, 720_000);

  it("finds all of it again on the next start, and does none of it twice", async () => {
    const demo = await startDemo(folder, 1);
    await demo.says("tailored already", UP_MS);
    for (const work of ["rollout", "building variants", "registered: to calibrate", "measures"]) {
      expect(demo.output()).not.toContain(work);
    }
    expect(await devicesOf(demo.output())).toHaveLength(2);
    expect(await demo.interrupt()).toBe(0);
  }, 240_000);
});
