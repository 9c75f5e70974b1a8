import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type DeviceDetail, topicOf } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startControlPlane } from "../support/control-plane.js";
import { connectDevice, enrol, rest } from "../support/enrolled-device.js";
import { presence } from "../support/messages.js";

const MAIN = fileURLToPath(import.meta.resolve("@sartor/control-plane/main"));

/** Runs the program the way a shell does; resolves when it ended or printed its line. */
async function run(env: Record<string, string>, stopWith?: NodeJS.Signals) {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, SARTOR_HTTP_PORT: "0", SARTOR_DEVICE_PORT: "0", SARTOR_MQTT_PORT: "0", ...env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
    if (stopWith !== undefined && stdout.includes("control plane listening")) child.kill(stopWith);
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

describe("the control plane as a program", () => {
  let stateDir: string;
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "sartor-process-"));
  });
  afterEach(() => rm(stateDir, { recursive: true, force: true }));

  it.each(["SIGTERM", "SIGINT"] as const)("says where it listens, and ends cleanly on %s", async (signal) => {
    const { code, stdout } = await run({ SARTOR_STATE_DIR: stateDir, SARTOR_LOG_LEVEL: "error" }, signal);
    expect(stdout).toMatch(
      /^control plane listening http=http:\/\/127\.0\.0\.1:\d+ devices=https:\/\/127\.0\.0\.1:\d+ mqtt=mqtts:\/\/127\.0\.0\.1:\d+$/m,
    );
    expect(code).toBe(0);
  });

  it("does not start with a setting that cannot be used, and names it", async () => {
    const { code, stderr } = await run({ SARTOR_STATE_DIR: stateDir, SARTOR_MQTT_PORT: "many" });
    expect(code).toBe(1);
    expect(stderr).toBe(
      'SRT_CONFIG_INVALID: SARTOR_MQTT_PORT must be a whole number from 0 to 65535, but is "many".\n',
    );
  });

  it("does not start on a port that is taken, and says which", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const address = taken.address();
    const port = String(typeof address === "object" ? address?.port : "");
    try {
      for (const name of ["SARTOR_HTTP_PORT", "SARTOR_DEVICE_PORT", "SARTOR_MQTT_PORT"]) {
        const { code, stderr } = await run({ SARTOR_STATE_DIR: stateDir, SARTOR_LOG_LEVEL: "error", [name]: port });
        expect(code).toBe(1);
        expect(stderr).toContain(`SRT_CONFIG_INVALID: The address 127.0.0.1:${port} is taken by another program`);
      }
    } finally {
      taken.close();
    }
  });

  it("stopped while devices are connected, does not take its own end for theirs", async () => {
    const before = await startControlPlane({ stateDir, process: true });
    const device = await enrol(before);
    const will = JSON.stringify(presence(device.deviceId, "one", "offline"));
    const topic = topicOf(device.deviceId, "events");
    const session = await connectDevice(device, { will: { topic, payload: Buffer.from(will), qos: 1, retain: false } });
    session.on("error", () => undefined);
    await session.publishAsync(topic, JSON.stringify(presence(device.deviceId, "one")), { qos: 1 });
    const seen = (await rest<DeviceDetail>(before, "GET", `/api/v1/devices/${device.deviceId}`)).body.lastSeenAt;
    await before.stop();
    session.end(true);
    const after = await startControlPlane({ stateDir });
    try {
      const { body } = await rest<DeviceDetail>(after, "GET", `/api/v1/devices/${device.deviceId}`);
      expect(body).toMatchObject({ presence: { status: "offline" }, lastSeenAt: seen });
    } finally {
      await after.stop();
    }
  });
});
