import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DeviceDetail, type DeviceSummary, type Page, topicOf } from "@sartor/shared/protocol";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { connectDevice, type EnrolledDevice, enrol, rest } from "../support/enrolled-device.js";
import { inventory, reported, telemetryWindow } from "../support/messages.js";
import { waitFor } from "../support/wait-for.js";

const detailOf = async (controlPlane: RunningControlPlane, deviceId: string) =>
  (await rest<DeviceDetail>(controlPlane, "GET", `/api/v1/devices/${deviceId}`)).body;

describe("what devices send", () => {
  let controlPlane: RunningControlPlane;
  let device: EnrolledDevice;
  beforeAll(async () => {
    controlPlane = await startControlPlane({ env: { SARTOR_ENROLMENTS_PER_MINUTE: "1000" } });
  });
  beforeEach(async () => {
    device = await enrol(controlPlane);
  });
  afterAll(() => controlPlane.stop());

  it("is on the device's page once it is acknowledged", async () => {
    const session = await connectDevice(device);
    await session.publishAsync(topicOf(device.deviceId, "inventory"), JSON.stringify(inventory("Orin")), { qos: 1 });
    const report = {
      ...reported(device.deviceId, 3),
      serving: { state: "ready", model: "road-sign", version: "1.0.0" },
    };
    await session.publishAsync(topicOf(device.deviceId, "reported"), JSON.stringify(report), { qos: 1 });
    expect(await detailOf(controlPlane, device.deviceId)).toMatchObject({
      board: "Orin",
      architecture: "arm64",
      inventory: { board: { model: "Orin" } },
      reported: { sequence: 3 },
      serving: { state: "ready", model: "road-sign", version: "1.0.0", variant: null },
      invalidMessages: {},
    });
    await session.endAsync();
  });

  it("a stale report never overwrites a newer one", async () => {
    const session = await connectDevice(device);
    for (const sequence of [5, 4, 5, 3]) {
      const report = JSON.stringify(reported(device.deviceId, sequence));
      await session.publishAsync(topicOf(device.deviceId, "reported"), report, { qos: 1 });
    }
    expect((await detailOf(controlPlane, device.deviceId)).reported?.sequence).toBe(5);
    const reset = JSON.stringify(reported(device.deviceId, 0, "boot after its state was lost"));
    await session.publishAsync(topicOf(device.deviceId, "reported"), reset, { qos: 1 });
    expect((await detailOf(controlPlane, device.deviceId)).reported?.sequence).toBe(0);
    await session.endAsync();
  });

  it("that does not fit its schema is acknowledged, counted by kind and dropped; the session stays", async () => {
    const session = await connectDevice(device);
    const send = (kind: "inventory" | "reported" | "events", payload: string | Buffer) =>
      session.publishAsync(topicOf(device.deviceId, kind), payload, { qos: 1 });
    await send("inventory", "{");
    await send("inventory", Buffer.from([0xff, 0xfe]));
    await send("inventory", JSON.stringify({ ...inventory(), cpu: 7 }));
    await send("reported", JSON.stringify(reported("another-device", 1)));
    await send("reported", JSON.stringify({ ...reported(device.deviceId, 1), schemaVersion: 99 }));
    await send("events", "null");
    // Fields that this version does not know are no reason to refuse a message.
    await send("inventory", JSON.stringify({ ...inventory("newer agent"), fromTheFuture: { a: 1 } }));
    const detail = await waitFor("the counts", async () => {
      const answer = await detailOf(controlPlane, device.deviceId);
      return answer.invalidMessages.events === 1 && answer;
    });
    expect(detail.invalidMessages).toEqual({ inventory: 3, reported: 2, events: 1 });
    expect(detail).toMatchObject({ board: "newer agent", reported: null });
    await session.endAsync();
  });

  it("cannot write lines of its own into the log, however it is wrong", async () => {
    const lines: string[] = [];
    const heard = vi.spyOn(process.stdout, "write").mockImplementation((text) => lines.push(String(text)) > 0);
    const noisy = await startControlPlane({ env: { SARTOR_LOG_LEVEL: "warn" } });
    try {
      const attacker = await enrol(noisy);
      const session = await connectDevice(attacker);
      const key = `x\nWARN [Forged] all is well\u001b[2J${"y".repeat(100_000)}`;
      const window = { ...telemetryWindow(attacker.deviceId, 1), inference: { count: 0, errors: { [key]: "no" } } };
      await session.publishAsync(topicOf(attacker.deviceId, "telemetry"), JSON.stringify(window), { qos: 1 });
      await session.endAsync();
    } finally {
      heard.mockRestore();
      await noisy.stop();
    }
    const [line = "", ...more] = lines
      .join("")
      .split("\n")
      .filter((text) => text.includes("Dropped a message"));
    expect(more).toEqual([]);
    expect(line).toContain("all is well");
    expect(line.length).toBeLessThan(2_000);
    expect(
      lines
        .join("")
        .split("\n")
        .filter((text) => text.startsWith("WARN")),
    ).toEqual([]);
    expect(lines.join("")).not.toContain("\u001b[2J");
  });

  it("lists devices in pages and by filter", async () => {
    const names = ["Gate alpha", "Gate beta", "Depot 100%"];
    for (const name of names) await enrol(controlPlane, name);
    const list = async (query: string) =>
      (await rest<Page<DeviceSummary>>(controlPlane, "GET", `/api/v1/devices?${query}`)).body;
    expect((await list("text=gate")).items.map((item) => item.name)).toEqual(["Gate alpha", "Gate beta"]);
    expect((await list("text=100%25")).items.map((item) => item.name)).toEqual(["Depot 100%"]);
    expect((await list("presence=never_seen&text=GATE")).items).toHaveLength(2);
    expect((await list("presence=online&text=gate")).items).toHaveLength(0);

    const all: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: Page<DeviceSummary> = await list(`limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`);
      expect(page.items.length).toBeLessThanOrEqual(2);
      all.push(...page.items.map((item) => item.deviceId));
      cursor = page.nextCursor;
    }
    expect(all).toEqual([...new Set(all)].sort());
    expect(all).toHaveLength((await list("limit=500")).items.length);
  });

  it("a device can be renamed", async () => {
    const path = `/api/v1/devices/${device.deviceId}`;
    const { status, body } = await rest<DeviceDetail>(controlPlane, "PATCH", path, { name: "  North gate " });
    expect([status, body.name]).toEqual([200, "North gate"]);
    expect((await rest(controlPlane, "PATCH", path, { name: " " })).status).toBe(400);
  });
});

describe("a control plane that ends", () => {
  let stateDir: string;
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "sartor-restart-"));
  });
  afterEach(() => rm(stateDir, { recursive: true, force: true }));

  it("finds its devices, its token and its operator again, and lets the devices in", async () => {
    const before = await startControlPlane({ stateDir });
    const device = await enrol(before, "stays");
    const session = await connectDevice(device);
    await session.publishAsync(topicOf(device.deviceId, "inventory"), JSON.stringify(inventory("kept")), { qos: 1 });
    await before.stop();

    const after = await startControlPlane({ stateDir });
    try {
      expect(after.operatorToken).toBe(before.operatorToken);
      expect(await detailOf(after, device.deviceId)).toMatchObject({
        name: "stays",
        board: "kept",
        presence: { status: "offline" },
      });
      const again = await connectDevice({ ...device, mqttUrl: after.mqttUrl });
      expect((await detailOf(after, device.deviceId)).presence.status).toBe("online");
      await again.endAsync();
    } finally {
      await after.stop();
    }
  });

  it("killed at any moment, has everything that it acknowledged", async () => {
    // A long wait before each commit, so that an acknowledgement that does not wait for it is caught.
    const before = await startControlPlane({ stateDir, process: true, env: { SARTOR_WRITE_BEHIND_MS: "300" } });
    const device = await enrol(before);
    const session = await connectDevice(device);
    session.on("error", () => undefined);
    let acknowledged = 0;
    let sent = 0;
    const topic = topicOf(device.deviceId, "reported");
    const publishNext = () => {
      const sequence = ++sent;
      session.publish(topic, JSON.stringify(reported(device.deviceId, sequence)), { qos: 1 }, (error) => {
        if (error) return;
        acknowledged = Math.max(acknowledged, sequence);
        if (sent < 100_000) publishNext();
      });
    };
    for (let lane = 0; lane < 100; lane++) publishNext();
    await waitFor("a few hundred acknowledgements", () => acknowledged > 300);
    await before.kill();
    const atDeath = acknowledged;
    session.end(true);

    const after = await startControlPlane({ stateDir });
    try {
      const sequence = (await detailOf(after, device.deviceId)).reported?.sequence ?? 0;
      expect(sequence).toBeGreaterThanOrEqual(atDeath);
      expect(sequence).toBeLessThanOrEqual(sent);
    } finally {
      await after.stop();
    }
  });
});
