import { Settings, SettingsReader } from "@sartor/control-plane/config";
import { Database } from "@sartor/control-plane/database";
import { TelemetryRepository } from "@sartor/control-plane/telemetry";
import type { TelemetryWindow } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { telemetryWindow } from "../support/messages.js";

const settings = new Settings(new SettingsReader({ SARTOR_STATE_DIR: "/nowhere" }));
const PLENTY = 1e9;

const windowOf = (sequence: number, changes: Partial<TelemetryWindow> = {}): TelemetryWindow => ({
  ...telemetryWindow("pi", sequence),
  inference: { count: 1, errors: {}, classCounts: { "3": 1 } },
  ...changes,
});

describe("the store of telemetry", () => {
  let database: Database;
  beforeEach(async () => {
    database = await Database.open("sqlite::memory:");
  });
  afterEach(() => database.close());

  const store = (repository: TelemetryRepository, message: TelemetryWindow, receivedAt = message.sequence) =>
    repository.store({ deviceId: message.deviceId, message, receivedAt });

  async function kept(repository: TelemetryRepository, limit = PLENTY): Promise<number[]> {
    const sequences: number[] = [];
    for await (const { sequence } of repository.find("pi", 0, Number.MAX_SAFE_INTEGER, limit)) sequences.push(sequence);
    return sequences;
  }

  it("keeps so many windows of a device and no more: the oldest to come go first, and are counted", async () => {
    const repository = new TelemetryRepository(database, settings, { windows: 5, bytes: PLENTY });
    const removed: number[] = [];
    repository.onRemoved = (_deviceId, windows) => removed.push(windows);
    // By its own clock the first window is the newest.
    await store(repository, windowOf(0, { endedAt: 1e12 }));
    await Promise.all([1, 2, 3, 4, 5, 6].map((sequence) => store(repository, windowOf(sequence))));
    await store(repository, windowOf(7));
    expect(await kept(repository)).toEqual([7, 6, 5, 4, 3]);
    expect(removed.reduce((sum, count) => sum + count, 0)).toBe(3);
    expect(await repository.removedOf("pi")).toBe(3);
  });

  it("keeps so many bytes of a device and no more, and a full device costs no other its windows", async () => {
    const repository = new TelemetryRepository(database, settings, { windows: PLENTY, bytes: 10_000 });
    await store(repository, { ...windowOf(0), deviceId: "other" });
    const errors = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`${index}`.padStart(60, "x"), 1]));
    for (let sequence = 0; sequence < 10; sequence++) {
      await store(repository, windowOf(sequence, { inference: { count: 0, errors } }));
    }
    // One takes 4.4 kB.
    expect(await kept(repository)).toEqual([9, 8]);
    expect(await repository.removedOf("other")).toBe(0);
  });

  it("counts what retention and removal took away, so that a quota is not used up by what is gone", async () => {
    const repository = new TelemetryRepository(database, settings, { windows: 5, bytes: PLENTY });
    for (let sequence = 0; sequence < 5; sequence++) await store(repository, windowOf(sequence));
    expect(await repository.removeBefore(3)).toBe(false);
    for (let sequence = 5; sequence < 8; sequence++) await store(repository, windowOf(sequence));
    expect([await kept(repository), await repository.removedOf("pi")]).toEqual([[7, 6, 5, 4, 3], 0]);
    await repository.forget("pi");
    for (let sequence = 0; sequence < 5; sequence++) await store(repository, windowOf(sequence));
    expect([await kept(repository), await repository.removedOf("pi")]).toEqual([[4, 3, 2, 1, 0], 0]);
  });

  it("tells of each window once, in one batch and in two", async () => {
    const repository = new TelemetryRepository(database, settings);
    const fresh = await Promise.all([1, 1, 2].map((sequence) => store(repository, windowOf(sequence))));
    expect(fresh.map((result) => result.fresh)).toEqual([true, false, true]);
    expect((await store(repository, windowOf(2))).fresh).toBe(false);
    expect(await kept(repository)).toEqual([2, 1]);
  });

  it("reads a long range in parts and lets everyone else work in between", async () => {
    const repository = new TelemetryRepository(database, settings);
    await Promise.all(Array.from({ length: 1_000 }, (_, sequence) => store(repository, windowOf(sequence))));
    let turns = 0;
    let reading = true;
    const count = () => {
      if (!reading) return;
      turns += 1;
      setImmediate(count);
    };
    setImmediate(count);
    const sequences = await kept(repository, 950);
    reading = false;
    expect(sequences).toEqual(Array.from({ length: 950 }, (_, index) => 999 - index));
    expect(turns).toBeGreaterThanOrEqual(9);
  });
});
