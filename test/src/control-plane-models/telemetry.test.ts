import { DdSketch } from "@sartor/shared/domain/sketch";
import type { DeviceSummary, ErrorReply, TelemetryReply, TelemetryWindow } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { telemetryWindow } from "../support/messages.js";
import { waitFor } from "../support/wait-for.js";
import { ScriptedDevice } from "./scripted-device.js";

/** A window of ten seconds in which latencies lay around a value, ms. */
function windowOf(device: ScriptedDevice, sequence: number, latencyMs: number, streamId = "s1"): TelemetryWindow {
  const sketch = new DdSketch();
  for (let step = -50; step <= 50; step++) sketch.add(latencyMs * (1 + step / 500));
  return {
    ...telemetryWindow(device.id, sequence, streamId),
    startedAt: sequence * 10_000,
    endedAt: (sequence + 1) * 10_000,
    inference: {
      count: 101,
      errors: { SRT_IMAGE_INVALID: 2 },
      latencyMs: sketch.toMessage(),
      classCounts: { "7": 100, "14": 1 },
    },
    system: { temperatureCelsius: 50 + sequence, agentMemoryBytes: 1e8 },
  };
}

describe("telemetry", () => {
  let controlPlane: RunningControlPlane;
  beforeAll(async () => {
    controlPlane = await startControlPlane();
  });
  afterAll(() => controlPlane.stop());
  const ask = async (device: ScriptedDevice, query = "from=0") =>
    (await rest<TelemetryReply>(controlPlane, "GET", `/api/v1/devices/${device.id}/telemetry?${query}`)).body;

  it("comes back as quantiles, each window once, with what is missing counted", async () => {
    const device = await ScriptedDevice.enrol(controlPlane);
    await device.connect();
    // 3 and 4 are lost, 2 is late, 1 comes twice, and the device lost its state once.
    for (const sequence of [0, 1, 5, 2, 1])
      await device.publish("telemetry", windowOf(device, sequence, 10 + sequence));
    await device.publish("telemetry", windowOf(device, 9, 30, "s2"));
    const reply = await ask(device);
    expect(reply.windows).toEqual({ received: 5, missing: 2, dropped: 0 });
    expect(reply.points.map(({ at }) => at)).toEqual([10_000, 20_000, 30_000, 60_000, 100_000]);
    expect(reply.points[0]).toMatchObject({ seconds: 10, requests: 101, errors: 2, temperatureCelsius: 50 });
    expect(Math.abs((reply.points[0]?.latencyMs?.p50 ?? 0) / 10 - 1)).toBeLessThan(0.03);
    expect(reply.classCounts).toEqual({ "7": 500, "14": 5 });
    await device.disconnect();
  });

  it("shows the newest window in the device's summary, not the latest to arrive", async () => {
    const device = await ScriptedDevice.enrol(controlPlane);
    await device.connect();
    for (const sequence of [5, 3]) await device.publish("telemetry", windowOf(device, sequence, 10));
    const { body } = await rest<DeviceSummary>(controlPlane, "GET", `/api/v1/devices/${device.id}`);
    expect(body.latest).toMatchObject({ at: 60_000, requestsPerSecond: 10.1, temperatureCelsius: 55 });
    await device.disconnect();
  });

  it("shows the newest window after the device's clock was set right", async () => {
    const device = await ScriptedDevice.enrol(controlPlane);
    await device.connect();
    const at = (sequence: number, endedAt: number) => ({
      ...windowOf(device, sequence, 10),
      startedAt: endedAt,
      endedAt,
    });
    await device.publish("telemetry", at(1, Date.parse("2100-01-01")));
    for (const sequence of [2, 3]) await device.publish("telemetry", at(sequence, Date.parse("2026-01-01") + sequence));
    // The summary is written behind.
    const shows = (at: number) =>
      waitFor(`a summary of ${at}`, async () => {
        const { body } = await rest<DeviceSummary>(controlPlane, "GET", `/api/v1/devices/${device.id}`);
        return body.latest?.at === at;
      });
    await shows(Date.parse("2026-01-01") + 3);
    // The device lost its state and counts from the start.
    await device.publish("telemetry", windowOf(device, 0, 10, "s2"));
    await shows(10_000);
    await device.disconnect();
  });

  it("of a device that was removed is gone, and no other's", async () => {
    const [gone, stays] = [await ScriptedDevice.enrol(controlPlane), await ScriptedDevice.enrol(controlPlane)];
    for (const device of [gone, stays]) {
      await device.connect();
      const sequences = Array.from({ length: 150 }, (_, sequence) => sequence);
      await Promise.all(sequences.map((sequence) => device.publish("telemetry", windowOf(device, sequence, 1))));
    }
    await gone.disconnect();
    expect((await rest(controlPlane, "DELETE", `/api/v1/devices/${gone.id}`)).status).toBe(204);
    expect((await ask(stays)).points).toHaveLength(150);
    await stays.disconnect();
  });

  it("can be asked for a range and for the newest few", async () => {
    const device = await ScriptedDevice.enrol(controlPlane);
    await device.connect();
    for (let sequence = 0; sequence < 10; sequence++) await device.publish("telemetry", windowOf(device, sequence, 10));
    expect((await ask(device, "from=30000&to=50000")).points.map(({ at }) => at)).toEqual([30_000, 40_000, 50_000]);
    expect((await ask(device, "from=0&limit=2")).points.map(({ at }) => at)).toEqual([90_000, 100_000]);
    // Without a range it is the last hour, and these windows are of 1970.
    expect((await ask(device, "")).points).toEqual([]);
    await device.disconnect();
  });

  it.each([
    ["no-such-device", "from=0", 404, "SRT_DEVICE_UNKNOWN"],
    ["no-such-device", "from=yesterday", 400, "SRT_INVALID_REQUEST"],
    ["no-such-device", "from=5&to=4", 400, "SRT_INVALID_REQUEST"],
    ["no-such-device", "limit=1000000", 400, "SRT_INVALID_REQUEST"],
  ])("of %s with %s is refused with %i %s", async (deviceId, query, status, code) => {
    const reply = await rest<ErrorReply>(controlPlane, "GET", `/api/v1/devices/${deviceId}/telemetry?${query}`);
    expect([reply.status, reply.body.error.code]).toEqual([status, code]);
  });
});
