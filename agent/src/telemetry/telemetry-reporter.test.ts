import { type TelemetryWindow, telemetryWindowSchema } from "@sartor/shared/protocol";
import { afterEach, describe, expect, it } from "vitest";
import type { Logger } from "../platform/index.js";
import { inTransaction, OutboxStore, openStateDatabase, SettingsStore } from "../storage/index.js";
import { ManualClock } from "../testing/manual-clock.js";
import { TelemetryReporter, type TelemetryReporterOptions } from "./telemetry-reporter.js";

const NOON = Date.UTC(2026, 5, 1, 12, 0, 0);
const opened: { readonly reporter: TelemetryReporter; readonly clock: ManualClock }[] = [];
afterEach(async () => {
  for (const { reporter, clock } of opened.splice(0)) {
    const stopped = reporter.stop();
    await clock.pass(5_000);
    await stopped;
  }
});

function bench(overrides: Partial<TelemetryReporterOptions> = {}) {
  const { database } = openStateDatabase(":memory:");
  const outbox = new OutboxStore(database);
  const clock = new ManualClock(NOON);
  const warnings: string[] = [];
  const note = (text: string) => void warnings.push(text);
  const logger: Logger = { debug: () => undefined, info: () => undefined, warn: note, error: note };
  const make = () => {
    const reporter = new TelemetryReporter({
      deviceId: "dev-1",
      settings: new SettingsStore(database),
      atomically: (work) => inTransaction(database, work),
      publish: (window) => void outbox.enqueue("telemetry", Buffer.from(JSON.stringify(window)), "droppable"),
      dropped: () => outbox.dropped("telemetry"),
      newStreamId: () => "stream-1",
      windowSeconds: 10,
      readSystem: async () => ({ temperatureCelsius: 51.5 }),
      clock,
      logger,
      ...overrides,
    });
    opened.push({ reporter, clock });
    return reporter;
  };
  const sent = (): TelemetryWindow[] =>
    outbox
      .peek(0, 1_000)
      .map(({ payload }) => telemetryWindowSchema.parse(JSON.parse(Buffer.from(payload).toString())));
  return { database, outbox, clock, warnings, make, sent };
}

describe("TelemetryReporter", () => {
  it("sends a window each ten seconds, numbered without gaps, with the state of the system", async () => {
    const { clock, make, sent } = bench();
    const reporter = make();
    reporter.start();
    reporter.observe({ latencyMs: 3, classIndex: 1 });
    for (let window = 0; window < 3; window++) await clock.pass(10_000);
    expect(sent().map(({ sequence, inference }) => [sequence, inference.count])).toEqual([
      [0, 1],
      [1, 0],
      [2, 0],
    ]);
    expect(sent()[0]).toMatchObject({ streamId: "stream-1", system: { temperatureCelsius: 51.5 }, dropped: 0 });
  });

  it("goes on with the next number after a restart", async () => {
    const { clock, make, sent } = bench();
    const before = make();
    before.start();
    await clock.pass(10_000);
    await before.stop();
    const after = make();
    after.start();
    await clock.pass(10_000);
    expect(sent().map(({ sequence }) => sequence)).toEqual([0, 1, 2]);
  });

  it("uses no number for a window that could not be stored", async () => {
    let broken = true;
    const { outbox, clock, make, sent, warnings } = bench({
      publish: (window) => {
        if (broken) throw new Error("disk full");
        outbox.enqueue("telemetry", Buffer.from(JSON.stringify(window)), "droppable");
      },
    });
    make().start();
    await clock.pass(10_000);
    expect(warnings).toHaveLength(1);
    broken = false;
    await clock.pass(10_000);
    expect(sent().map(({ sequence }) => sequence)).toEqual([0]);
  });

  it("sends the window without temperatures when they cannot be read, read nonsense, or never come", async () => {
    for (const readSystem of [
      () => Promise.reject(new Error("no such file")),
      () => Promise.resolve({ temperatureCelsius: Number.NaN }),
      () => new Promise<never>(() => undefined),
    ]) {
      const { clock, make, sent, warnings } = bench({ readSystem });
      make().start();
      await clock.pass(10_000);
      await clock.pass(5_000);
      expect(sent()).toMatchObject([{ sequence: 0, system: {} }]);
      expect(warnings).toHaveLength(1);
    }
  });

  it("takes a new window length from the control plane at once", async () => {
    const { clock, make, sent } = bench({ windowSeconds: 86_400 });
    const reporter = make();
    reporter.start();
    await clock.pass(1_000);
    reporter.setWindowSeconds(5);
    await clock.pass(4_000);
    expect(sent()).toMatchObject([{ startedAt: NOON, endedAt: NOON + 5_000 }]);
  });

  it("sends what it has when it stops", async () => {
    const { clock, make, sent } = bench();
    const reporter = make();
    reporter.start();
    reporter.observe({ latencyMs: 3, classIndex: 1 });
    await clock.pass(2_000);
    await reporter.stop();
    expect(sent()).toMatchObject([{ startedAt: NOON, endedAt: NOON + 2_000, inference: { count: 1 } }]);
  });
});
