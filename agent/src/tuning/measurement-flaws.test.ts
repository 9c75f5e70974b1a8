import { describe, expect, it } from "vitest";
import { prepare } from "./testing/measuring.js";
import { makeCandidate, serving } from "./testing/orders.js";

const signal = new AbortController().signal;
const serves = serving(makeCandidate("now"));

/** Throttled to half its clock until then. */
const throttledUntil = (untilMs: number) => ({
  noise: 0.03,
  throttleEvents: (at: number) => Math.floor(Math.min(at, untilMs) / 10),
  clock: (at: number) => (at < untilMs ? 0.5 : 1),
});

describe("what serves, which has a part in every round", () => {
  it("is reported with the times of a device that did not throttle, though it did while one candidate was measured", async () => {
    const { measurement, resultOf } = prepare({
      behaviours: { now: { runMs: 4 }, a: { runMs: 3 }, b: { runMs: 3.1 } },
      serves,
      weather: throttledUntil(17_000),
    });
    await measurement.run(signal);
    expect(resultOf("a")).toMatchObject({ throttled: true });
    expect(resultOf("now")).toMatchObject({ throttled: false, outcome: "measured" });
    expect(resultOf("now")?.p95Ms).toBeLessThan(5);
    // What it lost by that is not what the candidate was compared with.
    expect(resultOf("a")?.ratio?.typical).toBeCloseTo(0.75, 1);
  });

  it("is reported as throttled where the device throttled all the while, so that no plan takes its times for true", async () => {
    const { measurement, resultOf } = prepare({
      behaviours: { now: { runMs: 4 }, a: { runMs: 3 } },
      serves,
      weather: throttledUntil(Number.POSITIVE_INFINITY),
    });
    await measurement.run(signal);
    expect(resultOf("now")).toMatchObject({ throttled: true, outcome: "measured" });
    expect(resultOf("now")?.runs).toBeGreaterThanOrEqual(64);
    expect(resultOf("now")?.p50Ms).toBeGreaterThan(7);
  });
});
