import { type DeviceEventsReply, type LogEvent, topicOf } from "@sartor/shared/protocol";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { connectDevice, type EnrolledDevice, enrol, rest } from "../support/enrolled-device.js";

describe("what a device tells its operators", () => {
  let controlPlane: RunningControlPlane;
  let device: EnrolledDevice;
  beforeAll(async () => {
    controlPlane = await startControlPlane({ env: { SARTOR_ENROLMENTS_PER_MINUTE: "1000" } });
  });
  beforeEach(async () => {
    device = await enrol(controlPlane);
  });
  afterAll(() => controlPlane.stop());

  const event = (sequence: number, more: Partial<LogEvent> = {}): LogEvent => ({
    schemaVersion: 1,
    deviceId: device.deviceId,
    at: 1_000 + sequence,
    type: "log",
    sequence,
    level: "error",
    message: `event ${sequence}`,
    ...more,
  });
  const tell = async (...events: LogEvent[]) => {
    const session = await connectDevice(device);
    const topic = topicOf(device.deviceId, "events");
    await Promise.all(events.map((one) => session.publishAsync(topic, JSON.stringify(one), { qos: 1 })));
    await session.endAsync();
  };
  const told = (query = "") =>
    rest<DeviceEventsReply>(controlPlane, "GET", `/api/v1/devices/${device.deviceId}/events${query}`);

  it("can be read once it is acknowledged, newest first, and once however often it is sent", async () => {
    await tell(event(1), event(2, { level: "warning", code: "SRT_DISK_FULL" }), event(1));
    await tell(event(1));
    const { status, body } = await told();
    expect(status).toBe(200);
    expect(body.deviceId).toBe(device.deviceId);
    expect(body.events).toEqual([
      {
        at: 1_002,
        receivedAt: expect.any(Number),
        level: "warning",
        code: "SRT_DISK_FULL",
        message: "event 2",
        sequence: 2,
      },
      { at: 1_001, receivedAt: expect.any(Number), level: "error", code: null, message: "event 1", sequence: 1 },
    ]);
    // A device that lost its state counts anew: the same number at another time is another event.
    await tell(event(1, { at: 5_000, message: "after its state was lost" }));
    expect((await told("?limit=1")).body.events.map(({ message }) => message)).toEqual(["after its state was lost"]);
    expect((await told()).body.events).toHaveLength(3);
  });

  it("is kept for the newest 200 events, and goes with the device", async () => {
    await tell(...Array.from({ length: 450 }, (_, index) => event(index + 1)));
    const { events } = (await told()).body;
    expect(events.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 200 }, (_, index) => 450 - index));
    await rest(controlPlane, "DELETE", `/api/v1/devices/${device.deviceId}`);
    expect((await told()).status).toBe(404);
  });

  it("keeps its meaning when a library put control characters into it", async () => {
    await tell(event(1, { message: "\u001b[31mfailed\u0000\n\tat load" }));
    expect((await told()).body.events[0]?.message).toBe("\ufffd[31mfailed\ufffd\n\tat load");
  });

  it("is asked for within bounds", async () => {
    for (const limit of ["0", "201", "x"]) expect((await told(`?limit=${limit}`)).status).toBe(400);
  });
});
