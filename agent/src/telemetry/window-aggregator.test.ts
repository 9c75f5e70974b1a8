import { DdSketch } from "@sartor/shared/domain/sketch";
import { LIMITS, telemetryWindowSchema } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../testing/manual-clock.js";
import type { Serving } from "./observation.js";
import { type ClosedWindow, WindowAggregator } from "./window-aggregator.js";

const NOON = Date.UTC(2026, 5, 1, 12, 0, 0);
const bundle = (digit: string): Serving => ({
  bundleId: `sha256:${digit.repeat(64)}`,
  model: "road-sign",
  version: "1.0.0",
  variant: "fp32-cpu",
});
const A = bundle("a");
const B = bundle("b");

function message(window: ClosedWindow) {
  const full = { ...window, schemaVersion: 1, deviceId: "dev-1", streamId: "s", sequence: 0, system: {}, dropped: 0 };
  return telemetryWindowSchema.parse(JSON.parse(JSON.stringify(full)));
}

describe("WindowAggregator", () => {
  it("ends windows at whole multiples of their length, so that a fleet's windows line up", () => {
    const clock = new ManualClock(NOON + 3_200);
    const windows = new WindowAggregator(clock, 10);
    expect(windows.untilDueMs).toBe(6_800);
    clock.advance(6_799);
    expect(windows.poll()).toEqual([]);
    clock.advance(1);
    expect(windows.poll()).toMatchObject([{ startedAt: NOON + 3_200, endedAt: NOON + 10_000 }]);
    clock.advance(10_000);
    expect(windows.poll()).toMatchObject([{ startedAt: NOON + 10_000, endedAt: NOON + 20_000 }]);
  });

  it("makes no window of a moment when a timer fires a moment early", () => {
    const clock = new ManualClock(NOON + 9_998);
    expect(new WindowAggregator(clock, 10).untilDueMs).toBe(10_002);
  });

  it("sends an empty window too: the device lives", () => {
    const clock = new ManualClock(NOON);
    const windows = new WindowAggregator(clock, 60);
    clock.advance(60_000);
    const [window, ...rest] = windows.poll();
    expect(rest).toEqual([]);
    expect(window).toEqual({ startedAt: NOON, endedAt: NOON + 60_000, inference: { count: 0, errors: {} } });
  });

  it("counts answers by class and failures by code, and keeps failures out of the distributions", () => {
    const clock = new ManualClock(NOON);
    const windows = new WindowAggregator(clock, 10, A);
    windows.observe({ latencyMs: 4, runMs: 1, classIndex: 7, topProbability: 0.9, entropy: 0.3 });
    windows.observe({ latencyMs: 6, runMs: 2, classIndex: 7, topProbability: 0.8, entropy: 0.5 });
    windows.observe({ latencyMs: 5, runMs: 1, classIndex: 12, topProbability: 1, entropy: 0 });
    windows.observe({ latencyMs: 900, errorCode: "SRT_IMAGE_INVALID" });
    clock.advance(10_000);
    const [window] = windows.poll().map(message);
    expect(window?.serving).toEqual(A);
    expect(window?.inference).toMatchObject({
      count: 3,
      errors: { SRT_IMAGE_INVALID: 1 },
      classCounts: { "7": 2, "12": 1 },
    });
    const latency = DdSketch.fromMessage(window?.inference.latencyMs ?? expect.fail("no latency"));
    expect([latency.count, latency.minimum, latency.maximum, latency.sum]).toEqual([3, 4, 6, 15]);
    expect(window?.inference.entropy?.zeroCount).toBe(1);
  });

  it("never mixes two bundles in a window: a change of bundle ends it early", () => {
    const clock = new ManualClock(NOON);
    const windows = new WindowAggregator(clock, 10, A);
    windows.observe({ latencyMs: 1, classIndex: 1 });
    clock.advance(4_000);
    const closed = windows.setServing(B);
    expect(closed).toMatchObject([{ serving: A, startedAt: NOON, endedAt: NOON + 4_000, inference: { count: 1 } }]);
    windows.observe({ latencyMs: 1, classIndex: 2 });
    clock.advance(6_000);
    expect(windows.poll()).toMatchObject([
      { serving: B, startedAt: NOON + 4_000, endedAt: NOON + 10_000, inference: { count: 1, classCounts: { 2: 1 } } },
    ]);
  });

  it("changes nothing when the same bundle is announced again", () => {
    const windows = new WindowAggregator(new ManualClock(NOON), 10, A);
    expect(windows.setServing({ ...A })).toEqual([]);
  });

  it("gives requests that the old bundle finishes after a swap a window of their own", () => {
    const clock = new ManualClock(NOON);
    const windows = new WindowAggregator(clock, 10, A);
    windows.setServing(B);
    windows.observe({ latencyMs: 1, classIndex: 1 }, A);
    windows.observe({ latencyMs: 1, classIndex: 2 });
    clock.advance(10_000);
    const closed = windows.poll();
    expect(closed.map((window) => [window.serving?.bundleId, window.inference.classCounts])).toEqual([
      [B.bundleId, { "2": 1 }],
      [A.bundleId, { "1": 1 }],
    ]);
  });

  it("sends the serving bundle's window also when the last requests of many old bundles pushed the others out", () => {
    const clock = new ManualClock(NOON);
    const windows = new WindowAggregator(clock, 10, A);
    for (const digit of ["b", "c", "d", "e"]) windows.observe({ latencyMs: 1 }, bundle(digit));
    clock.advance(10_000);
    expect(windows.poll().map(({ serving }) => serving?.bundleId)).toContain(A.bundleId);
  });

  it("says what it saw while nothing served", () => {
    const clock = new ManualClock(NOON);
    const windows = new WindowAggregator(clock, 10);
    windows.observe({ latencyMs: 1, errorCode: "SRT_MODEL_NOT_READY" });
    expect(windows.setServing(A)).toMatchObject([{ inference: { count: 0, errors: { SRT_MODEL_NOT_READY: 1 } } }]);
  });

  it("takes a new window length at once", () => {
    const clock = new ManualClock(NOON + 5_000);
    const windows = new WindowAggregator(clock, 60);
    windows.setWindowSeconds(10);
    expect(windows.untilDueMs).toBe(5_000);
    clock.advance(5_000);
    expect(windows.poll()).toMatchObject([{ startedAt: NOON + 5_000, endedAt: NOON + 10_000 }]);
    windows.setWindowSeconds(60);
    expect(windows.untilDueMs).toBe(50_000);
  });

  it("keeps a window's duration true when the wall clock is set in the middle of it", () => {
    for (const jump of [-10 * 365 * 86_400_000, -5_000, 5_000, 10 * 365 * 86_400_000]) {
      const clock = new ManualClock(NOON);
      const windows = new WindowAggregator(clock, 10);
      clock.advance(4_000);
      clock.wall += jump;
      clock.advance(6_000);
      const [window] = windows.poll();
      expect(window).toMatchObject({ startedAt: NOON + jump, endedAt: NOON + jump + 10_000 });
      // And the next one lines up with the new time.
      expect((clock.now() + windows.untilDueMs) % 10_000).toBe(0);
    }
  });

  it("closes a window early rather than leaving classes out or growing past an MQTT packet", () => {
    const clock = new ManualClock(NOON);
    const windows = new WindowAggregator(clock, 10, A);
    const closed: ClosedWindow[] = [];
    for (let classIndex = 900_000; classIndex < 910_000; classIndex++) {
      const spread = 10 ** ((classIndex % 12_000) / 400 - 8);
      closed.push(
        ...windows.observe({ latencyMs: spread, runMs: spread, classIndex, topProbability: spread, entropy: spread }),
      );
    }
    clock.advance(10_000);
    closed.push(...windows.poll());
    expect(closed.length).toBe(3);
    expect(closed.reduce((sum, window) => sum + window.inference.count, 0)).toBe(10_000);
    for (const window of closed) {
      expect(JSON.stringify(message(window)).length).toBeLessThan(LIMITS.mqttPacketBytes / 2);
      expect(window.endedAt).toBeGreaterThanOrEqual(window.startedAt);
    }
  });

  it("loses no observation and mixes no bundles, whatever happens in whatever order", () => {
    const serving = fc.constantFrom(undefined, A, B, bundle("c"), bundle("d"), bundle("e"));
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant("observe" as const), by: serving, classIndex: fc.nat(5) }),
      },
      fc.record({ kind: fc.constant("serve" as const), by: serving }),
      fc.record({ kind: fc.constant("advance" as const), ms: fc.nat(30_000) }),
      fc.record({ kind: fc.constant("jump" as const), ms: fc.integer({ min: -1e12, max: 1e12 }) }),
      fc.record({ kind: fc.constant("length" as const), seconds: fc.integer({ min: 1, max: 120 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const clock = new ManualClock(NOON);
        const windows = new WindowAggregator(clock, 10);
        const closed: ClosedWindow[] = [];
        const expected = new Map<string, number>();
        let now: Serving | undefined;
        for (const one of steps) {
          if (one.kind === "observe") {
            closed.push(...windows.observe({ latencyMs: 1, classIndex: one.classIndex }, one.by));
            const by = (one.by ?? now)?.bundleId ?? "none";
            expected.set(by, (expected.get(by) ?? 0) + 1);
          } else if (one.kind === "serve") {
            now = one.by;
            closed.push(...windows.setServing(one.by));
          } else if (one.kind === "advance") {
            clock.advance(one.ms);
            closed.push(...windows.poll());
          } else if (one.kind === "jump") clock.wall = Math.max(0, clock.wall + one.ms);
          else windows.setWindowSeconds(one.seconds);
        }
        closed.push(...windows.closeAll());
        const counted = new Map<string, number>();
        for (const window of closed) {
          message(window);
          expect(window.endedAt).toBeGreaterThanOrEqual(window.startedAt);
          const by = window.serving?.bundleId ?? "none";
          if (window.inference.count > 0) counted.set(by, (counted.get(by) ?? 0) + window.inference.count);
        }
        expect(counted).toEqual(expected);
      }),
    );
  });
});
