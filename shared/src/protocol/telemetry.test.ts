import { describe, expect, it } from "vitest";
import { type TelemetryWindow, telemetryWindowSchema } from "./telemetry.js";

const window = (inference: Partial<TelemetryWindow["inference"]>): unknown => ({
  schemaVersion: 1,
  deviceId: "device-1",
  streamId: "s",
  sequence: 0,
  startedAt: 0,
  endedAt: 1,
  inference: { count: 0, errors: {}, ...inference },
  system: {},
  dropped: 0,
});
const taken = (inference: Partial<TelemetryWindow["inference"]>) =>
  telemetryWindowSchema.safeParse(window(inference)).success;
const counts = (keys: number, name: (index: number) => string) =>
  Object.fromEntries(Array.from({ length: keys }, (_, index) => [name(index), 1]));

const sketch = {
  relativeAccuracy: 0.01,
  count: 3,
  sum: 3,
  minimum: 1,
  maximum: 1,
  zeroCount: 1,
  offset: 0,
  buckets: [2],
};

describe("a telemetry window", () => {
  it("has as many error codes and classes as an agent ever sends, and no more", () => {
    expect(taken({ errors: counts(64, (index) => `E${index}`) })).toBe(true);
    expect(taken({ errors: counts(65, (index) => `E${index}`) })).toBe(false);
    expect(taken({ classCounts: counts(4_096, String) })).toBe(true);
    expect(taken({ classCounts: counts(4_097, String) })).toBe(false);
  });

  it("names a class in one way only", () => {
    expect(taken({ classCounts: { "0": 1, "42": 1 } })).toBe(true);
    expect(taken({ classCounts: { "042": 1 } })).toBe(false);
    expect(taken({ classCounts: { __proto__x: 1 } })).toBe(false);
  });

  it.each([
    ["hold other numbers than their count says", { count: 4 }],
    ["have no minimum", { minimum: undefined }],
    ["have a minimum above the maximum", { minimum: 2 }],
    ["are finer than any agent makes them", { relativeAccuracy: 1e-9 }],
  ])("is refused when its sketches %s", (_what, changes) => {
    expect(taken({ latencyMs: sketch })).toBe(true);
    expect(taken({ latencyMs: { ...sketch, ...changes } as typeof sketch })).toBe(false);
  });
});
