import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { forgetFormerIdentity } from "./former-identity.js";
import { DeploymentJournal } from "./ota/index.js";
import { ORDER_KEY } from "./reconcile/index.js";
import { OutboxStore, openStateDatabase, SettingsStore } from "./storage/index.js";

const digest = `sha256:${"a".repeat(64)}`;
const id = "01J00000000000000000000001";
const record = {
  deployment: {
    deploymentId: id,
    rolloutId: id,
    bundle: { bundleId: digest, manifestBytes: 100, model: "road-sign", version: "1.0.0" },
    probe: { deadlineMs: 60_000, soakMs: 0 },
  },
  releaseCounter: 6,
  slot: "b" as const,
  status: "in_progress" as const,
  step: "downloading" as const,
  attempt: 1,
  interruptions: 0,
  repairs: 0,
};

let database: DatabaseSync;
beforeEach(() => {
  database = openStateDatabase(":memory:").database;
});
afterEach(() => database.close());

/** A start of the agent with that identity; gives back what it finds. */
function start(deviceId: string, enrolmentId: string | undefined) {
  const store = new SettingsStore(database);
  const outbox = new OutboxStore(database);
  const journal = new DeploymentJournal(store);
  forgetFormerIdentity({ deviceId, enrolmentId }, store, outbox, journal);
  return {
    store,
    outbox,
    /** As the next start reads it. */
    journal: () => new DeploymentJournal(store),
    sequence: store.load("reported.sequence", z.number()),
    hasOrder: store.load(ORDER_KEY, z.string()) !== undefined,
    queued: outbox.totals().messages,
  };
}

function work({ store, outbox, journal }: ReturnType<typeof start>): void {
  journal().commit({ slot: "a", bundleId: digest, model: "road-sign", releaseCounter: 5 }, record);
  store.save(ORDER_KEY, "an order");
  store.save("reported.sequence", 7);
  outbox.enqueue("events", Buffer.from("{}"), "kept");
}

describe("a device that starts again", () => {
  it("keeps everything when it is the same", () => {
    for (const enrolment of ["0123456789abcdef", undefined]) {
      database.exec("DELETE FROM setting; DELETE FROM outbox");
      work(start("device-1", enrolment));
      for (let time = 0; time < 2; time++) {
        const again = start("device-1", enrolment);
        expect([again.hasOrder, again.sequence, again.queued]).toEqual([true, 7, 1]);
        expect(again.journal().committed?.releaseCounter).toBe(5);
        expect(again.journal().record?.releaseCounter).toBe(6);
      }
    }
  });

  it("under another name forgets its order, its messages and by whose release things were installed, and keeps what is installed", () => {
    work(start("device-1", "0123456789abcdef"));
    const other = start("device-2", "fedcba9876543210");
    expect([other.hasOrder, other.sequence, other.queued]).toEqual([false, undefined, 0]);
    expect(other.journal().committed).toEqual({ slot: "a", bundleId: digest, model: "road-sign" });
    expect(other.journal().record).toMatchObject({ status: "in_progress", step: "downloading" });
    expect(other.journal().record?.releaseCounter).toBeUndefined();
  });

  it("enrolled again under its name, follows no former order and keeps its messages and its count", () => {
    work(start("device-1", undefined));
    const again = start("device-1", "fedcba9876543210");
    expect([again.hasOrder, again.sequence, again.queued]).toEqual([false, 7, 1]);
    expect(again.journal().committed?.bundleId).toBe(digest);
    expect(again.journal().committed?.releaseCounter).toBeUndefined();
    work(again);
    expect(start("device-1", "fedcba9876543210").hasOrder).toBe(true);
  });

  it("forgets all of it or nothing: the power may go in between", () => {
    work(start("device-1", "0123456789abcdef"));
    const store = new SettingsStore(database);
    const failing = Object.assign(new SettingsStore(database), {
      save: (key: string, value: unknown) => {
        if (key === "identity.enrolmentId") throw new Error("power cut");
        store.save(key, value);
      },
    });
    const identity = { deviceId: "device-2", enrolmentId: "fedcba9876543210" };
    const outbox = new OutboxStore(database);
    expect(() => forgetFormerIdentity(identity, failing, outbox, new DeploymentJournal(failing))).toThrow("power cut");
    const still = start("device-1", "0123456789abcdef");
    expect([still.hasOrder, still.sequence, still.queued]).toEqual([true, 7, 1]);
    expect(still.journal().committed?.releaseCounter).toBe(5);
    expect(start("device-2", "fedcba9876543210").hasOrder).toBe(false);
  });
});
