import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, describe, expect, it } from "vitest";
import { buildTinyClassifier, randomPixels, writeSlot } from "../support/tiny-model.js";
import { eventually, getJson, postImage, type ServingDevice, startServingDevice } from "./serving-device.js";

const quick = buildTinyClassifier({ seed: 1 });
const slow = buildTinyClassifier({ seed: 1, spinIterations: 600 });
const png = await sharp(randomPixels(32, 32, 4), { raw: { width: 32, height: 32, channels: 3 } })
  .png()
  .toBuffer();
const classify = (device: ServingDevice) => postImage(`${device.url}/v2/models/tiny/classify`, png);

function killServingChild(device: ServingDevice): void {
  const [pid] = device.host.pids();
  if (pid === undefined) throw new Error("nothing serves");
  process.kill(pid, "SIGKILL");
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe("a runtime child that is killed", () => {
  let device: ServingDevice;
  afterEach(() => device.stop());

  it("comes back by itself, is reported, and answers as before", async () => {
    device = await startServingDevice();
    const bundle = await device.serve(quick);
    const before = await classify(device);
    killServingChild(device);
    await eventually(() => device.host.restarts() === 1 && device.host.state().state === "ready", "the child is back");
    expect((await classify(device)).body.top).toEqual(before.body.top);
    expect(device.crashes).toEqual([bundle.bundleId]);
    expect(device.host.state()).toMatchObject({ state: "ready", restarts: 1 });
  });

  it("loses none of the requests it held: they are answered by the next child", async () => {
    device = await startServingDevice();
    await device.serve(slow);
    const replies = Array.from({ length: 6 }, () => classify(device));
    await eventually(() => device.host.current()?.waiting === 6, "six requests are with the child");
    killServingChild(device);
    expect((await Promise.all(replies)).map(({ status }) => status)).toEqual(Array(6).fill(200));
    expect(device.host.restarts()).toBe(1);
  });

  it("again and again makes the model failing: requests are refused at once instead of waiting", async () => {
    device = await startServingDevice({ restartDelayMs: 10, crashesUntilFailing: 2, longestRestartDelayMs: 100 });
    await device.serve(quick);
    await rename(join(device.slotFolder(), "model.onnx"), join(device.slotFolder(), "moved.onnx"));
    killServingChild(device);
    await eventually(() => device.host.state().state === "failing", "the model counts as failing");
    expect(await classify(device)).toMatchObject({ status: 503, body: { code: "SRT_MODEL_NOT_READY" } });
    expect((await getJson(`${device.url}/v2/health/ready`)).status).toBe(503);
    await rename(join(device.slotFolder(), "moved.onnx"), join(device.slotFolder(), "model.onnx"));
    await eventually(
      async () => (await classify(device)).status === 200,
      "the model serves again once its file is back",
    );
  });
});

describe("a run that hangs", () => {
  it("is ended after its time with a code, and the requests behind it are answered", async () => {
    const device = await startServingDevice({ runTimeoutMs: 1_500 });
    try {
      await device.serve(buildTinyClassifier({ seed: 1, version: "1.0.0" }));
      const [pid] = device.host.pids();
      // A stopped process answers nothing, exactly as one that hangs in native code.
      process.kill(pid ?? 0, "SIGSTOP");
      const hung = await classify(device);
      expect(hung).toMatchObject({ status: 504, body: { code: "SRT_INFERENCE_TIMED_OUT" } });
      expect((await classify(device)).status).toBe(200);
      expect(device.host.restarts()).toBe(1);
      expect(device.observations.map(({ errorCode }) => errorCode)).toEqual(["SRT_INFERENCE_TIMED_OUT", undefined]);
    } finally {
      await device.stop();
    }
  });
});

describe("more requests than the device can take", () => {
  it("are refused with a code and a time to wait, and the others are answered", async () => {
    const device = await startServingDevice({ queueLength: 4, requestsInChild: 1 });
    try {
      await device.serve(slow);
      const replies = await Promise.all(Array.from({ length: 12 }, () => classify(device)));
      const refused = replies.filter(({ status }) => status !== 200);
      expect(refused.length).toBeGreaterThanOrEqual(12 - 5 - 4);
      for (const { status, body } of refused) {
        expect({ status, code: body.code }).toEqual({ status: 503, code: "SRT_INFERENCE_OVERLOADED" });
      }
      expect(replies.length - refused.length).toBeGreaterThanOrEqual(5);
    } finally {
      await device.stop();
    }
  });
});

describe("an agent that is killed", () => {
  it("leaves no runtime child behind", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sartor-orphan-"));
    const bundle = await writeSlot(folder, quick);
    const script = `
      const { ModelHost } = await import("@sartor/agent/runtime");
      const { systemClock, createLogger } = await import("@sartor/agent/platform");
      const host = new ModelHost({ clock: systemClock, logger: createLogger("error") });
      const staged = await host.stage(JSON.parse(process.argv[1]));
      await staged.promote();
      console.log(host.pids()[0]);
    `;
    const { bundleId, manifest } = bundle;
    const installed = JSON.stringify({ bundleId, folder, manifest, runtime: manifest.runtime });
    const agent = spawn(process.execPath, ["--input-type=module", "-e", script, installed], {
      stdio: ["ignore", "pipe", "inherit"],
      cwd: import.meta.dirname,
    });
    const [line] = await once(agent.stdout, "data");
    const pid = Number(String(line));
    expect(alive(pid)).toBe(true);
    agent.kill("SIGKILL");
    await eventually(() => !alive(pid), "the child is gone");
    await rm(folder, { recursive: true, force: true });
  });
});
