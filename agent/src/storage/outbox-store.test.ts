import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { type OutboxLimits, type OutboxRetention, OutboxStore } from "./outbox-store.js";
import { openStateDatabase } from "./state-database.js";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function outboxWith(limits: Partial<OutboxLimits> = {}): OutboxStore {
  return new OutboxStore(openStateDatabase(":memory:").database, limits);
}

const text = (value: string) => Buffer.from(value);
const texts = (outbox: OutboxStore) => outbox.peek(0, 10_000).map(({ payload }) => Buffer.from(payload).toString());

describe("OutboxStore", () => {
  it("gives messages back in the order in which they were stored, until they are removed", () => {
    const outbox = outboxWith();
    const ids = ["one", "two", "three"].map((value) => outbox.enqueue("telemetry", text(value), "droppable"));
    expect(texts(outbox)).toEqual(["one", "two", "three"]);
    expect(outbox.peek(ids[0] ?? 0, 1).map(({ id }) => id)).toEqual([ids[1]]);
    outbox.remove([ids[0] ?? 0, ids[2] ?? 0, 999]);
    expect(texts(outbox)).toEqual(["two"]);
  });

  it("drops the oldest telemetry first when it is full, and counts it", () => {
    const outbox = outboxWith({ maximumMessages: 4 });
    outbox.enqueue("events", text("event"), "kept");
    outbox.enqueue("inventory", text("inventory"), "latest");
    for (const value of ["w0", "w1", "w2", "w3"]) outbox.enqueue("telemetry", text(value), "droppable");
    expect(texts(outbox)).toEqual(["event", "inventory", "w2", "w3"]);
    expect(outbox.dropped("telemetry")).toBe(2);
    expect(outbox.dropped("events")).toBe(0);
  });

  it("drops events only when no telemetry is left, and reported state never", () => {
    const outbox = outboxWith({ maximumMessages: 2 });
    outbox.enqueue("reported", text("reported"), "latest");
    outbox.enqueue("telemetry", text("w0"), "droppable");
    for (const value of ["e0", "e1"]) outbox.enqueue("events", text(value), "kept");
    expect(texts(outbox)).toEqual(["reported", "e1"]);
    expect([outbox.dropped("telemetry"), outbox.dropped("events"), outbox.dropped("reported")]).toEqual([1, 1, 0]);
  });

  it("keeps a chatty log from pushing all telemetry out", () => {
    const outbox = outboxWith({ maximumMessages: 10, maximumKept: 2 });
    outbox.enqueue("telemetry", text("w0"), "droppable");
    for (let event = 0; event < 50; event++) outbox.enqueue("events", text(`e${event}`), "kept");
    expect(texts(outbox)).toEqual(["w0", "e48", "e49"]);
    expect(outbox.dropped("events")).toBe(48);
  });

  it("is bounded by bytes as well", () => {
    const outbox = outboxWith({ maximumBytes: 100 });
    for (let window = 0; window < 10; window++) outbox.enqueue("telemetry", Buffer.alloc(30, window), "droppable");
    expect(outbox.totals()).toEqual({ messages: 3, bytes: 90 });
    expect(outbox.dropped("telemetry")).toBe(7);
  });

  it("keeps only the newest unsent report, behind what was stored before it", () => {
    const outbox = outboxWith();
    outbox.enqueue("reported", text("old"), "latest");
    outbox.enqueue("telemetry", text("window"), "droppable");
    outbox.enqueue("reported", text("new"), "latest");
    outbox.enqueue("inventory", text("inventory"), "latest");
    expect(texts(outbox)).toEqual(["window", "new", "inventory"]);
  });

  it("drops what waits before what the broker may already have", () => {
    const outbox = outboxWith({ maximumMessages: 3 });
    const ids = ["w0", "w1", "w2"].map((value) => outbox.enqueue("telemetry", text(value), "droppable"));
    outbox.markInFlight(ids[1] ?? 0);
    outbox.enqueue("telemetry", text("w3"), "droppable");
    expect(texts(outbox)).toEqual(["w0", "w1", "w3"]);
  });

  it("refuses a message that no broker would take, instead of getting stuck on it for ever", () => {
    const outbox = outboxWith();
    expect(() => outbox.enqueue("inventory", Buffer.alloc(256 * 1024), "latest")).toThrow(
      expect.objectContaining({ code: "SRT_PACKET_TOO_LARGE" }),
    );
    expect(outbox.totals().messages).toBe(0);
  });

  it("forgets an enqueue whose transaction failed, and what it had dropped comes back", () => {
    const outbox = outboxWith({ maximumMessages: 1 });
    outbox.enqueue("telemetry", text("w0"), "droppable");
    expect(() =>
      outbox.atomically(() => {
        outbox.enqueue("telemetry", text("w1"), "droppable");
        throw new Error("later step failed");
      }),
    ).toThrow("later step failed");
    expect(texts(outbox)).toEqual(["w0"]);
    expect(outbox.dropped("telemetry")).toBe(0);
  });

  it("has its messages and its count of dropped ones after a restart, and never uses an id twice", () => {
    const folder = mkdtempSync(join(tmpdir(), "sartor-outbox-"));
    folders.push(folder);
    const first = openStateDatabase(join(folder, "state.db")).database;
    const before = new OutboxStore(first, { maximumMessages: 2 });
    const ids = ["w0", "w1", "w2"].map((value) => before.enqueue("telemetry", text(value), "droppable"));
    before.remove([ids[2] ?? 0]);
    first.close();
    const second = openStateDatabase(join(folder, "state.db")).database;
    const after = new OutboxStore(second);
    expect(texts(after)).toEqual(["w1"]);
    expect(after.dropped("telemetry")).toBe(1);
    expect(after.enqueue("telemetry", text("w3"), "droppable")).toBeGreaterThan(ids[2] ?? 0);
    second.close();
  });

  it("accounts for every message under any load: waiting, removed, replaced or counted as dropped", () => {
    const kinds = [
      ["telemetry", "droppable"],
      ["events", "kept"],
      ["reported", "latest"],
    ] as const satisfies readonly (readonly [string, OutboxRetention])[];
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom(...kinds), bytes: fc.nat(60) }) },
      fc.record({ acknowledge: fc.nat(3) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 3, max: 12 }), (steps, maximumMessages) => {
        const outbox = outboxWith({ maximumMessages, maximumBytes: 400 });
        const stored = { telemetry: 0, events: 0 };
        const removed = { telemetry: 0, events: 0 };
        for (const one of steps) {
          if ("kind" in one) {
            const [kind, retention] = one.kind;
            outbox.enqueue(kind, Buffer.alloc(one.bytes), retention);
            if (kind !== "reported") stored[kind] += 1;
          } else {
            const acknowledged = outbox.peek(0, one.acknowledge);
            outbox.remove(acknowledged.map(({ id }) => id));
            for (const { kind } of acknowledged) if (kind === "telemetry" || kind === "events") removed[kind] += 1;
          }
          const { messages, bytes } = outbox.totals();
          expect(messages).toBeLessThanOrEqual(maximumMessages);
          expect(bytes).toBeLessThanOrEqual(400);
        }
        const waiting = outbox.peek(0, 1_000);
        expect(waiting.filter(({ kind }) => kind === "reported").length).toBeLessThanOrEqual(1);
        for (const kind of ["telemetry", "events"] as const) {
          const left = waiting.filter((message) => message.kind === kind).length;
          expect(left + removed[kind] + outbox.dropped(kind)).toBe(stored[kind]);
        }
        expect(waiting.map(({ id }) => id)).toEqual(waiting.map(({ id }) => id).toSorted((a, b) => a - b));
      }),
    );
  });
});
