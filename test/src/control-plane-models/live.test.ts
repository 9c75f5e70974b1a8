import { once } from "node:events";
import { type LiveEvent, liveEventSchema, type RolloutSummary } from "@sartor/shared/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { telemetryWindow } from "../support/messages.js";
import { register } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { ScriptedDevice } from "./scripted-device.js";

describe("the live channel", () => {
  let controlPlane: RunningControlPlane;
  const open: WebSocket[] = [];
  beforeAll(async () => {
    controlPlane = await startControlPlane();
  });
  afterEach(() => {
    for (const socket of open.splice(0)) socket.terminate();
  });
  afterAll(() => controlPlane.stop());

  async function connect(headers: Record<string, string> = {}): Promise<WebSocket> {
    const socket = new WebSocket(`${controlPlane.httpUrl.replace("http", "ws")}/api/v1/live`, { headers });
    open.push(socket);
    await once(socket, "open");
    return socket;
  }

  /** Authenticates and gathers every event. */
  async function watch(): Promise<LiveEvent[]> {
    const socket = await connect({ origin: controlPlane.httpUrl });
    const events: LiveEvent[] = [];
    socket.on("message", (data) => events.push(liveEventSchema.parse(JSON.parse(data.toString()))));
    socket.send(JSON.stringify({ type: "authenticate", token: controlPlane.operatorToken }));
    await waitFor("ready", () => events.some(({ type }) => type === "ready"));
    return events;
  }

  const seen = <T extends LiveEvent["type"]>(
    events: readonly LiveEvent[],
    type: T,
    fits: (event: Extract<LiveEvent, { type: T }>) => boolean,
  ) =>
    waitFor(`a ${type} event`, () =>
      events.find((event): event is Extract<LiveEvent, { type: T }> => event.type === type && fits(event as never)),
    );

  it("tells of devices, rollouts, deployments and telemetry as they happen", async () => {
    await register(controlPlane, buildTinyClassifier({ goldenVectors: 2 }));
    const events = await watch();
    const device = await ScriptedDevice.enrol(controlPlane, "Live");
    await device.connect();
    await seen(events, "device", (event) => event.device.name === "Live" && event.device.presence.status === "online");

    const request = { name: "live", model: "tiny", version: "1.0.0", devices: "all" };
    const { rolloutId } = (await rest<RolloutSummary>(controlPlane, "POST", "/api/v1/rollouts", request)).body;
    const deployment = await device.told(rolloutId);
    await seen(events, "deployment", (event) => event.deployment.status === "queued");
    await device.report(deployment, { status: "succeeded", step: "done" });
    await seen(
      events,
      "deployment",
      (event) => event.deployment.status === "succeeded" && event.deployment.deviceName === "Live",
    );
    await seen(
      events,
      "rollout",
      (event) => event.rollout.status === "succeeded" && event.rollout.counts.succeeded === 1,
    );
    await seen(events, "device", (event) => event.device.deployment?.status === "succeeded");

    const window = telemetryWindow(device.id, 1);
    await device.publish("telemetry", { ...window, inference: { count: 3, errors: {}, classCounts: { "5": 3 } } });
    const told = await seen(events, "telemetry", (event) => event.deviceId === device.id);
    expect(told).toMatchObject({ point: { requests: 3 }, classCounts: { "5": 3 } });
    await device.publish("telemetry", window);
    await seen(events, "device", (event) => event.device.latest !== null);
    expect(events.filter(({ type }) => type === "telemetry")).toHaveLength(1);
    await device.disconnect();
  });

  it("tells of a device that was removed", async () => {
    const events = await watch();
    const device = await ScriptedDevice.enrol(controlPlane, "Gone soon");
    await rest(controlPlane, "DELETE", `/api/v1/devices/${device.id}`);
    await seen(events, "device_removed", (event) => event.deviceId === device.id);
  });

  it("merges a burst of changes of one thing", async () => {
    const events = await watch();
    const device = await ScriptedDevice.enrol(controlPlane, "Busy");
    await device.connect();
    await Promise.all(
      Array.from({ length: 50 }, (_, sequence) => device.publish("telemetry", telemetryWindow(device.id, sequence))),
    );
    await seen(
      events,
      "device",
      ({ device: summary }) => summary.deviceId === device.id && summary.latest?.at === 50_000,
    );
    // A device's event says what is so when it is made: it may be ahead of the events of windows that were stored meanwhile.
    const windows = () => events.filter((event) => event.type === "telemetry" && event.deviceId === device.id);
    await waitFor("every window", () => windows().length >= 50);
    const told = events.filter((event) => event.type === "device" && event.device.deviceId === device.id);
    expect(told.length).toBeLessThan(25);
    expect(windows()).toHaveLength(50);
    await device.disconnect();
  });

  it.each([
    ["a wrong token", JSON.stringify({ type: "authenticate", token: "x".repeat(43) }), 1008],
    ["something else than a token", JSON.stringify({ type: "subscribe" }), 1008],
    ["no JSON", "hello", 1008],
    ["a message of 2 kB", "x".repeat(2_048), 1009],
  ])("hangs up on a client that sends %s", async (_what, message, code) => {
    const socket = await connect();
    const said: string[] = [];
    socket.on("message", (data) => said.push(data.toString()));
    socket.send(message);
    const [closed] = await once(socket, "close");
    expect([closed, said]).toEqual([code, []]);
  });

  it("hangs up on a client that does not say who it is within five seconds", async () => {
    const [code] = await once(await connect(), "close");
    expect(code).toBe(1008);
  });

  it("is open to an operator while strangers hold as many connections as they can", async () => {
    // They say nothing; the first of them are told to make place, which they need not heed either.
    const strangers = await Promise.all(Array.from({ length: 300 }, () => connect()));
    expect(strangers).toHaveLength(300);
    const events = await watch();
    expect(events[0]).toEqual({ type: "ready" });
  });

  it("tells of what a device said, once", async () => {
    const events = await watch();
    const device = await ScriptedDevice.enrol(controlPlane, "Talkative");
    await device.connect();
    const said = {
      schemaVersion: 1,
      deviceId: device.id,
      at: 7,
      type: "log",
      sequence: 1,
      level: "error",
      message: "it broke",
    };
    await device.publish("events", said);
    await device.publish("events", said);
    const told = await seen(events, "device_event", (event) => event.deviceId === device.id);
    expect(told.event).toMatchObject({ at: 7, level: "error", code: null, message: "it broke", sequence: 1 });
    await device.publish("events", { ...said, sequence: 2 });
    await seen(events, "device_event", ({ event }) => event.sequence === 2);
    expect(events.filter((event) => event.type === "device_event" && event.event.sequence === 1)).toHaveLength(1);
    await device.disconnect();
  });

  it("hangs up on the page of another site", async () => {
    const [code, reason] = await once(await connect({ origin: "https://example.org" }), "close");
    expect([code, reason.toString()]).toEqual([1008, "another site's page may not connect"]);
  });
});
