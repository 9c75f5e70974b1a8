import { topicOf } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { desiredOf } from "../agent-orders/orders-device.js";
import { waitFor } from "../support/wait-for.js";
import { type AttackedDevice, COUNTER, first, GENERATION, second, startAttackedDevice } from "./attacked-device.js";

/** So rarely that nothing comes of it but by a hint. */
const NEVER_MS = 3_600_000;

let device: AttackedDevice;
beforeAll(async () => {
  device = await startAttackedDevice([], NEVER_MS);
});
afterAll(() => device?.stop());

const looks = () => device.server.sentTrust.filter((path) => path.endsWith("/timestamp.json")).length;
const nudges = () => topicOf(device.trust.deviceId, "nudge");

/** A message that the device answers in its order: what came before was taken. */
async function taken(): Promise<void> {
  const before = looks();
  await device.broker.publishNudge(device.trust.deviceId, GENERATION + 1_000_000 + before);
  await waitFor("the device to look", () => looks() > before, 90_000);
}

describe("whoever has the broker", () => {
  it("installs nothing with an order of its own, on any topic", async () => {
    const order = desiredOf(GENERATION + 1, second, device.trust.deviceId);
    const chunks = device.server.sentChunks.length;
    for (const topic of [`sartor/v1/${device.trust.deviceId}/desired`, nudges(), "sartor/v1/desired", "desired"]) {
      await device.broker.publish(topic, Buffer.from(JSON.stringify(order)));
    }
    await taken();
    expect(device.reported()).toMatchObject({ generation: GENERATION, deployment: { bundleId: first.bundleId } });
    expect(device.server.sentChunks).toHaveLength(chunks);
    expect(new Set(device.broker.subscriptions)).toEqual(new Set([nudges()]));
    await device.servesFirst();
  });

  it.each<[string, () => Buffer]>([
    ["no JSON", () => Buffer.from("{")],
    ["nothing", () => Buffer.alloc(0)],
    ["bytes", () => Buffer.alloc(3_000, 0xff)],
    ["deep JSON", () => Buffer.from("[".repeat(2_000) + "]".repeat(2_000))],
    ["200 KiB", () => Buffer.alloc(200 * 1024, "9")],
    [
      "a huge generation",
      () => Buffer.from(JSON.stringify({ schemaVersion: 1, deviceId: device.trust.deviceId, generation: 1e300 })),
    ],
    [
      "another device's",
      () => Buffer.from(JSON.stringify({ schemaVersion: 1, deviceId: "another-device", generation: 99 })),
    ],
    ["a prototype", () => Buffer.from('{"__proto__":{"generation":99},"constructor":{"prototype":{"x":1}}}')],
  ])("disturbs nothing with a hint that is %s", async (_title, payload) => {
    const before = device.reported();
    for (let times = 0; times < 50; times++) await device.broker.publish(nudges(), payload());
    expect(device.reported()?.agent.bootId).toBe(before?.agent.bootId);
    await device.servesFirst();
  });

  it("drives it to no more than a look now and then with a flood of hints", async () => {
    const before = looks();
    const sent = 5_000;
    for (let index = 0; index < sent; index++) {
      await device.broker.publishNudge(device.trust.deviceId, GENERATION + 1 + (index % 7) * 1_000);
    }
    await waitFor("the device to look", () => looks() > before, 90_000);
    expect(looks() - before).toBeLessThan(20);
    expect(device.reported()).toMatchObject({ generation: GENERATION, ordersRefusal: null });
    await device.servesFirst();
  });

  it("cannot keep an order from the device: it comes by HTTPS, with a silent broker and with none", async () => {
    const quick = await startAttackedDevice();
    try {
      // Silent: the device is connected, and hears nothing.
      quick.orderHonestly(second, GENERATION + 1, COUNTER + 1);
      await quick.serving(second);
      await quick.broker.stop();
      quick.orderHonestly(first, GENERATION + 2, COUNTER + 2);
      await waitFor("the order to be followed", async () => (await quick.answering()) === "tiny 1.0.0");
      await quick.broker.start();
      expect((await quick.serving(first)).generation).toBe(GENERATION + 2);
    } finally {
      await quick.stop();
    }
  });

  it("sees none of it: a true hint is followed in the middle of a flood", async () => {
    device.orderHonestly(second, GENERATION + 5, COUNTER + 1);
    let stop = false;
    const flood = (async () => {
      while (!stop) {
        await device.broker.publishNudge(device.trust.deviceId, GENERATION + 2);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await device.broker.publishNudge(device.trust.deviceId, GENERATION + 5);
    await waitFor("the order to be followed", async () => (await device.answering()) === "tiny 2.0.0", 110_000);
    stop = true;
    await flood;
    expect((await device.serving(second)).generation).toBe(GENERATION + 5);
  });
});
