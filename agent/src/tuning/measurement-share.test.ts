import { describe, expect, it } from "vitest";
import { prepare } from "./testing/measuring.js";
import { makeCandidate, serving } from "./testing/orders.js";
import { SIMULATED_CORES } from "./testing/simulated-device.js";

const signal = new AbortController().signal;
const serves = serving(makeCandidate("now"));
const SHARE = 0.1;

describe("measuring keeps to its share of the CPU", () => {
  it("with threads that spin on after a run, when nobody is looking", async () => {
    const { measurement, device } = prepare({
      behaviours: { now: { runMs: 0.8 }, spinning: { runMs: 0.4, spinsOnMs: 45 } },
      serves,
      weather: { noise: 0.03 },
      budget: { maximumCpuShare: SHARE },
    });
    await measurement.run(signal);
    const share = device.ownMs / (device.clock.monotonic() * SIMULATED_CORES);
    expect(share).toBeLessThanOrEqual(1.05 * SHARE);
    expect(measurement.cpuShare).toBeCloseTo(share, 2);
  });

  it("with a candidate that hangs until it is killed", async () => {
    const hangsMs = 300_000;
    const { measurement, device, resultOf } = prepare({
      behaviours: { now: { runMs: 4 }, hangs: { runMs: 3, diesAtRun: 40, dyingMs: hangsMs }, right: { runMs: 3 } },
      serves,
      budget: { maximumCpuShare: SHARE },
    });
    await measurement.run(signal);
    expect(resultOf("hangs")).toMatchObject({ outcome: "refused" });
    expect(resultOf("right")).toMatchObject({ outcome: "measured" });
    const spent = device.ownMs + hangsMs;
    expect(spent / (device.clock.monotonic() * SIMULATED_CORES)).toBeLessThanOrEqual(1.05 * SHARE);
    expect(measurement.cpuShare * measurement.durationMs * SIMULATED_CORES).toBeGreaterThanOrEqual(hangsMs);
  });
});
