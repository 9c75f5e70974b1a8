import type { Inventory, ReportedState } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DeviceState, type DeviceWrite, planBatch } from "./device-batch.js";

const EMPTY: DeviceState = { reported: undefined, newestInventory: undefined };

const report = (deviceId: string, sequence: number, bootId = "boot"): DeviceWrite => ({
  type: "reported",
  received: {
    deviceId,
    receivedAt: 0,
    message: { sequence, agent: { bootId }, serving: { state: "none" } } as unknown as ReportedState,
  },
});
const inventory = (deviceId: string, digest: string, receivedAt = 100): DeviceWrite => ({
  type: "inventory",
  digest,
  received: {
    deviceId,
    receivedAt,
    message: { board: { model: digest }, cpu: { architecture: "arm64" } } as unknown as Inventory,
  },
});

describe("a batch of what devices sent", () => {
  it("ends in the same state whether it is written at once or message by message", () => {
    const write = fc.oneof(
      fc
        .tuple(fc.constantFrom("a", "b"), fc.nat(10), fc.constantFrom("x", "y"))
        .map(([id, sequence, boot]) => report(id, sequence, boot)),
      fc.tuple(fc.constantFrom("a", "b"), fc.constantFrom("one", "two")).map(([id, digest]) => inventory(id, digest)),
    );
    fc.assert(
      fc.property(fc.array(write, { maxLength: 30 }), (writes) => {
        const states = new Map([
          ["a", EMPTY],
          ["b", EMPTY],
        ]);
        const together = planBatch(states, writes);
        const news: boolean[] = [];
        const columns = new Map<string, object>();
        let inventories = 0;
        for (const one of writes) {
          const plan = planBatch(states, [one]);
          news.push(...plan.news);
          inventories += plan.inventories.length;
          for (const [id, update] of plan.updates) {
            columns.set(id, { ...columns.get(id), ...update });
            const state = states.get(id) ?? EMPTY;
            states.set(id, {
              reported:
                update.reported_boots == null
                  ? state.reported
                  : { sequence: update.reported_sequence ?? 0, boots: JSON.parse(update.reported_boots) as string[] },
              newestInventory: plan.inventories[0]
                ? { digest: plan.inventories[0].digest, receivedAt: plan.inventories[0].received_at }
                : state.newestInventory,
            });
          }
        }
        expect(together.news).toEqual(news);
        expect(together.updates).toEqual(columns);
        expect(together.inventories).toHaveLength(inventories);
      }),
    );
  });

  it("keeps an inventory only when it differs from the one before, and never two at one time", () => {
    const plan = planBatch(new Map([["a", EMPTY]]), [
      inventory("a", "one"),
      inventory("a", "one"),
      inventory("a", "two"),
      inventory("a", "one"),
    ]);
    expect(plan.news).toEqual([true, false, true, true]);
    expect(plan.inventories.map((row) => [row.digest, row.received_at])).toEqual([
      ["one", 100],
      ["two", 101],
      ["one", 102],
    ]);
  });

  it("leaves out what is heard of a device that was deleted", () => {
    const plan = planBatch(new Map(), [report("gone", 1), inventory("gone", "one")]);
    expect(plan).toEqual({ updates: new Map(), inventories: [], news: [false, false] });
  });
});
