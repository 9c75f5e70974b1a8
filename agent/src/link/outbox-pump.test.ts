import { describe, expect, it } from "vitest";
import type { Clock, Logger } from "../platform/index.js";
import { OutboxStore, openStateDatabase } from "../storage/index.js";
import { OutboxPump } from "./outbox-pump.js";

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function bench(messages: number, window = 4) {
  const outbox = new OutboxStore(openStateDatabase(":memory:").database);
  for (let n = 0; n < messages; n++) outbox.enqueue("telemetry", Buffer.from(`w${n}`), "droppable");
  const sent: { text: string; acknowledge: () => void; breakOff: () => void }[] = [];
  let monotonic = 0;
  let wake: () => void = () => undefined;
  const clock: Clock = {
    now: () => 0,
    monotonic: () => monotonic,
    sleep: (_, signal) =>
      new Promise((resolve, reject) => {
        wake = resolve;
        signal?.addEventListener("abort", () => reject(signal.reason));
      }),
  };
  let stalled = 0;
  const pump = new OutboxPump({
    outbox,
    send: ({ payload }) =>
      new Promise((acknowledge, reject) => {
        sent.push({
          text: Buffer.from(payload).toString(),
          acknowledge,
          breakOff: () => reject(new Error("connection lost")),
        });
      }),
    window,
    acknowledgementTimeoutMs: 60_000,
    clock,
    logger: silent,
    onStalled: () => {
      stalled += 1;
    },
  });
  const pass = async (milliseconds: number) => {
    monotonic += milliseconds;
    wake();
    await settle();
  };
  return { outbox, pump, sent, pass, stalls: () => stalled };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe("OutboxPump", () => {
  it("has no more in flight than the window allows, in order, and removes a message only once it is acknowledged", async () => {
    const { outbox, pump, sent } = bench(6);
    pump.poke();
    pump.poke();
    expect(sent.map(({ text }) => text)).toEqual(["w0", "w1", "w2", "w3"]);
    expect(outbox.totals().messages).toBe(6);
    sent[0]?.acknowledge();
    sent[1]?.acknowledge();
    await settle();
    expect(outbox.totals().messages).toBe(4);
    expect(sent.map(({ text }) => text)).toEqual(["w0", "w1", "w2", "w3", "w4", "w5"]);
    pump.stop();
  });

  it("sends messages that come later, and says when all are through", async () => {
    const { outbox, pump, sent } = bench(0);
    await pump.drained();
    outbox.enqueue("events", Buffer.from("late"), "kept");
    pump.poke();
    let through = false;
    const drained = pump.drained().then(() => {
      through = true;
    });
    await settle();
    expect([sent.map(({ text }) => text), through]).toEqual([["late"], false]);
    sent[0]?.acknowledge();
    await drained;
    expect(outbox.totals().messages).toBe(0);
    pump.stop();
  });

  it("keeps what was in flight when the connection broke, and the next connection sends it first", async () => {
    const { outbox, pump, sent } = bench(6);
    pump.poke();
    sent[0]?.acknowledge();
    sent[1]?.breakOff();
    await settle();
    expect(sent).toHaveLength(4);
    expect(outbox.peek(0, 10).map(({ payload }) => Buffer.from(payload).toString())).toEqual([
      "w1",
      "w2",
      "w3",
      "w4",
      "w5",
    ]);
    await pump.drained();
  });

  it("takes a broker that acknowledges nothing for dead", async () => {
    const { pump, pass, stalls } = bench(1);
    pump.poke();
    await pass(30_000);
    expect(stalls()).toBe(0);
    await pass(30_000);
    expect(stalls()).toBe(1);
    pump.stop();
  });

  it("does not mind a broker that has nothing to acknowledge", async () => {
    const { outbox, pump, sent, pass, stalls } = bench(0);
    for (let hour = 0; hour < 3; hour++) await pass(3_600_000);
    outbox.enqueue("telemetry", Buffer.from("w"), "droppable");
    pump.poke();
    await pass(1_000);
    expect([stalls(), sent.length]).toEqual([0, 1]);
    pump.stop();
  });
});
