import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DeviceSummary, Page } from "@sartor/shared/protocol";
import { afterAll, describe, expect, it } from "vitest";
import { roadSignModel } from "../support/road-sign-model.js";

const SARTOR = fileURLToPath(new URL("../../../control-plane/cli/dist/main.js", import.meta.url));
const UP_MS = 120_000;

/** The demo as `npm start` runs it once everything is set up. */
interface Demo {
  readonly output: () => string;
  /** Ctrl-C; resolves with the exit code. */
  interrupt(): Promise<number | null>;
}

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
  const deadline = Date.now() + UP_MS;
  while (!output.includes("Ctrl-C stops everything")) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`the demo did not come up:\n${output}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    output: () => output,
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
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const addressIn = (output: string, label: string) => new RegExp(`${label} +(http\\S+)`).exec(output)?.[1] ?? "";

  async function devicesOf(output: string): Promise<DeviceSummary[]> {
    const dashboard = new URL(addressIn(output, "dashboard"));
    const token = dashboard.hash.replace("#token=", "");
    const reply = await fetch(new URL("/api/v1/devices", dashboard), { headers: { authorization: `Bearer ${token}` } });
    return ((await reply.json()) as Page<DeviceSummary>).items;
  }

  it("ends with this machine and an emulated device serving road signs, and Ctrl-C leaves nothing running", async () => {
    const demo = await startDemo(folder, 1);
    const endpoint = addressIn(demo.output(), "inference endpoint");
    const image = roadSignModel().image;
    const reply = await fetch(endpoint, { method: "POST", headers: { "content-type": "image/png" }, body: image });
    expect(await reply.json()).toMatchObject({ model_name: "road-sign", class: { label: expect.any(String) } });
    const devices = await devicesOf(demo.output());
    expect(devices.map((device) => device.emulated).sort()).toEqual([false, true]);
    expect(devices.every((device) => device.serving?.state === "ready")).toBe(true);
    expect(await demo.interrupt()).toBe(0);
    expect(processesOf(folder)).toEqual([]);
    // In peace, not by force: each process says goodbye before it goes.
    for (const log of ["agents/this-machine/agent.log", "logs/camera-1.log"]) {
      expect(readFileSync(join(folder, log), "utf8")).toMatch(/stopped|ended/);
    }
  }, 240_000);

  it("finds its state again on the second start: the same devices, no new rollout", async () => {
    expect(existsSync(join(folder, "control-plane"))).toBe(true);
    const demo = await startDemo(folder, 1);
    expect(demo.output()).not.toContain("rollout succeeded");
    expect(await devicesOf(demo.output())).toHaveLength(2);
    expect(await demo.interrupt()).toBe(0);
  }, 240_000);
});
