import { SartorError } from "@sartor/shared/errors";
import { tuningResultSchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { RUNGS } from "./rungs.js";
import { seededRandom } from "./seeded-random.js";
import { prepare } from "./testing/measuring.js";
import { makeCandidate, serving } from "./testing/orders.js";
import { SIMULATED_CORES } from "./testing/simulated-device.js";

/** 662 runs of each of 18 points: what an exhaustive search of six variants takes on two cores. */
const EXHAUSTIVE_RUNS = 662 * 18;

const signal = new AbortController().signal;

describe("measuring candidates", () => {
  it("finds a candidate that is twice as fast and says by how much", async () => {
    const { measurement, verdict, resultOf, device } = prepare({
      behaviours: { fp32: { runMs: 4 }, int8: { runMs: 2 }, slow: { runMs: 9 } },
      serves: serving(makeCandidate("fp32")),
      weather: { noise: 0.05, spikes: 50 },
    });
    await measurement.run(signal);
    expect(verdict()).toMatchObject({ decision: "switch", candidateId: "int8" });
    expect(verdict().gain?.typical).toBeCloseTo(1, 0);
    expect(resultOf("int8")).toMatchObject({ outcome: "measured", throttled: false, providerVerified: true });
    expect(resultOf("int8")?.runs).toBeGreaterThanOrEqual(200);
    expect(resultOf("slow")).toMatchObject({ outcome: "eliminated", runs: 64 });
    expect(resultOf("fp32")).toMatchObject({ outcome: "measured", ratio: null });
    expect(device.open_.size).toBe(0);
  });

  it("never has more than the incumbent and one candidate loaded", async () => {
    const behaviours = Object.fromEntries(["a", "b", "c", "d", "e", "f"].map((id, i) => [id, { runMs: 1 + i / 20 }]));
    const { measurement, device } = prepare({
      behaviours,
      serves: serving(makeCandidate("f")),
      weather: { noise: 0.1 },
    });
    await measurement.run(signal);
    expect(device.mostOpen).toBe(2);
  });

  it("says how far it is before each round, from nothing towards all", async () => {
    const { measurement, progress } = prepare({
      behaviours: { now: { runMs: 4 }, a: { runMs: 3 }, b: { runMs: 3.1 } },
      serves: serving(makeCandidate("now")),
      weather: { noise: 0.05 },
    });
    await measurement.run(signal);
    const rounds = measurement.results().reduce((sum, each) => sum + (each.ratio === null ? 0 : each.rounds), 0);
    expect(progress).toHaveLength(rounds + measurement.results().reduce((sum, each) => sum + each.discardedRounds, 0));
    expect(progress[0]).toBe(0);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBeLessThan(1);
  });

  it("spends little where everything is clearly slower than what serves", async () => {
    const { measurement, verdict } = prepare({
      behaviours: { now: { runMs: 1 }, a: { runMs: 2 }, b: { runMs: 3 } },
      serves: serving(makeCandidate("now")),
      weather: { noise: 0.05 },
    });
    await measurement.run(signal);
    expect(verdict()).toMatchObject({ decision: "keep", candidateId: "now" });
    expect(measurement.results().map(({ runs }) => runs)).toEqual([128, 64, 64]);
  });

  it("measures against the first fit candidate where nothing serves", async () => {
    const { measurement, verdict } = prepare({
      behaviours: { wrong: { runMs: 1, goldenFails: true }, first: { runMs: 3 }, second: { runMs: 2 } },
      weather: { noise: 0.05 },
    });
    await measurement.run(signal);
    expect(verdict()).toMatchObject({ decision: "switch", candidateId: "second", gain: null });
  });

  it("measures an incumbent that no order knows, under a name of its own", async () => {
    const { measurement, resultOf } = prepare({
      behaviours: { "fp32 cpu 1": { runMs: 3 }, int8: { runMs: 2 } },
      candidates: ["int8"],
      serves: serving(makeCandidate("fp32")),
      weather: { noise: 0.05 },
    });
    await measurement.run(signal);
    expect(measurement.incumbentId).toBe("fp32 cpu 1");
    expect(resultOf("int8")?.ratio?.typical).toBeCloseTo(2 / 3, 1);
  });

  it("measures alone what serves when it is the only candidate", async () => {
    const { measurement, verdict, resultOf } = prepare({
      behaviours: { only: { runMs: 3 } },
      serves: serving(makeCandidate("only")),
    });
    await measurement.run(signal);
    expect(resultOf("only")).toMatchObject({ outcome: "measured", runs: 200 });
    expect(verdict()).toMatchObject({ decision: "keep", candidateId: "only" });
  });
});

describe("candidates that are not fit to run", () => {
  it("refuses wrong outputs, another provider than asked for, what does not load and what dies, each with its code", async () => {
    const { measurement, resultOf, verdict } = prepare({
      behaviours: {
        now: { runMs: 4 },
        wrong: { runMs: 1, goldenFails: true },
        fallback: { runMs: 1, ranOn: ["OtherExecutionProvider"] },
        unloadable: { runMs: 1, openError: new SartorError("SRT_MODEL_UNSUPPORTED", "no") },
        mortal: { runMs: 1, diesAtRun: 40 },
        right: { runMs: 3 },
      },
      serves: serving(makeCandidate("now")),
      failures: new Map([["wrong", new SartorError("SRT_DIGEST_MISMATCH", "no")]]),
      weather: { noise: 0.03 },
    });
    await measurement.run(signal);
    const codeOf = (id: string) => [resultOf(id)?.outcome, resultOf(id)?.error?.code];
    expect(codeOf("wrong")).toEqual(["refused", "SRT_DIGEST_MISMATCH"]);
    expect(codeOf("fallback")).toEqual(["refused", "SRT_PROVIDER_UNAVAILABLE"]);
    expect(resultOf("fallback")?.providerVerified).toBe(false);
    expect(codeOf("unloadable")).toEqual(["refused", "SRT_MODEL_UNSUPPORTED"]);
    expect(codeOf("mortal")).toEqual(["refused", "SRT_INFERENCE_FAILED"]);
    expect(verdict()).toMatchObject({ decision: "switch", candidateId: "right" });
  });

  it("leaves an incumbent with wrong outputs for a slower candidate that is right", async () => {
    const { measurement, verdict, resultOf } = prepare({
      behaviours: { now: { runMs: 1, goldenFails: true }, slow: { runMs: 3 }, slower: { runMs: 6 } },
      serves: serving(makeCandidate("now")),
      weather: { noise: 0.05 },
    });
    await measurement.run(signal);
    expect(verdict()).toMatchObject({ decision: "switch", candidateId: "slow" });
    expect(resultOf("now")).toMatchObject({ outcome: "refused", error: { code: "SRT_PROBE_FAILED" } });
  });

  // An accelerator whose memory the first copy fills says the second of the two.
  it.each(["SRT_MODEL_UNSUPPORTED", "SRT_PROVIDER_UNAVAILABLE"] as const)(
    "keeps an incumbent of which no second copy fits beside it (%s)",
    async (code) => {
      const { measurement, verdict } = prepare({
        behaviours: { now: { runMs: 5, openError: new SartorError(code, "No memory.") }, a: { runMs: 1 } },
        serves: serving(makeCandidate("now")),
      });
      await measurement.run(signal);
      expect(verdict()).toMatchObject({ decision: "keep", candidateId: "now" });
    },
  );

  it("measures the others where one would take more memory than the device has beside what serves", async () => {
    const openError = new SartorError("SRT_TUNING_MEMORY", "It needs 300 MiB and 120 MiB are available.");
    const { measurement, verdict, resultOf, device } = prepare({
      behaviours: { now: { runMs: 4 }, large: { runMs: 1, openError }, small: { runMs: 2 } },
      serves: serving(makeCandidate("now")),
    });
    await measurement.run(signal);
    expect(resultOf("large")).toMatchObject({ outcome: "refused", runs: 0, error: { code: "SRT_TUNING_MEMORY" } });
    expect(device.openings.has("large")).toBe(false);
    expect(verdict()).toMatchObject({ decision: "switch", candidateId: "small" });
  });

  it("fails when the incumbent's process dies, so that it can be tried again", async () => {
    const { measurement, device } = prepare({
      behaviours: { now: { runMs: 1, diesAtRun: 30 }, a: { runMs: 1 } },
      serves: serving(makeCandidate("now")),
    });
    await expect(measurement.run(signal)).rejects.toMatchObject({ code: "SRT_INFERENCE_FAILED" });
    expect(device.open_.size).toBe(0);
  });
});

describe("loading again for another turn", () => {
  /** How often a and b were loaded, by how many rungs each climbed. */
  const loadsByRungs = async (openMs: number) => {
    const { measurement, device, resultOf } = prepare({
      behaviours: { now: { runMs: 10, openMs }, a: { runMs: 8, openMs }, b: { runMs: 8.1, openMs } },
      serves: serving(makeCandidate("now")),
      weather: { noise: 0.1, spikes: 10 },
    });
    await measurement.run(signal);
    expect(device.openings.get("now")).toBe(1);
    return ["a", "b"].map((id) => {
      const rungs = RUNGS.filter((runs) => runs <= (resultOf(id)?.runs ?? 0)).length;
      return { rungs, loads: device.openings.get(id) ?? 0 };
    });
  };

  it("happens where it costs little: every candidate is met by whatever else the device does", async () => {
    for (const { rungs, loads } of await loadsByRungs(20)) expect(loads).toBeGreaterThan(rungs);
  });

  it("does not where it costs more than it is worth: each is loaded once a rung", async () => {
    for (const { rungs, loads } of await loadsByRungs(20_000)) expect(loads).toBe(rungs);
  });
});

it("tells candidates too fast for the device's clock for equals, in numbers that can be sent", async () => {
  const { measurement, verdict, resultOf } = prepare({
    behaviours: { now: { runMs: 0 }, twin: { runMs: 0 }, slower: { runMs: 1 } },
    serves: serving(makeCandidate("now")),
  });
  await measurement.run(signal);
  for (const result of measurement.results())
    expect(tuningResultSchema.safeParse(JSON.parse(JSON.stringify(result))).error).toBeUndefined();
  expect(resultOf("twin")?.ratio).toEqual({ low: 1, typical: 1, high: 1 });
  expect(verdict()).toMatchObject({ decision: "keep", candidateId: "now" });
});

describe("a device that is not itself", () => {
  const pair = { now: { runMs: 4 }, better: { runMs: 3 } };
  const serves = serving(makeCandidate("now"));

  it("discards rounds while the clock is down, and the ratio does not notice", async () => {
    const { measurement, resultOf } = prepare({
      behaviours: pair,
      serves,
      weather: { noise: 0.03, clock: (at) => (at % 1_000 > 800 ? 0.5 : 1) },
    });
    await measurement.run(signal);
    expect(resultOf("better")?.discardedRounds).toBeGreaterThan(0);
    expect(resultOf("better")).toMatchObject({ throttled: false });
    expect(resultOf("better")?.ratio?.typical).toBeCloseTo(0.75, 1);
  });

  it("treats both alike where whoever runs first after a pause is slower", async () => {
    const { measurement, resultOf } = prepare({
      behaviours: { now: { runMs: 4 }, twin: { runMs: 4 } },
      serves,
      weather: { noise: 0.03, afterPause: 1.3 },
      budget: { maximumCpuShare: 0.1 },
    });
    await measurement.run(signal);
    expect(resultOf("twin")?.ratio?.low).toBeLessThan(1);
    expect(resultOf("twin")?.ratio?.high).toBeGreaterThan(1);
  });

  it("discards rounds in which others took the CPU", async () => {
    const { measurement, resultOf } = prepare({
      behaviours: { now: { runMs: 40 }, better: { runMs: 30 } },
      serves,
      weather: { noise: 0.03, others: (at) => 3 * Math.max(0, Math.min(at, 6_000) - 3_000) },
    });
    await measurement.run(signal);
    expect(resultOf("better")?.discardedRounds).toBeGreaterThan(0);
    expect(resultOf("better")?.throttled).toBe(false);
  });

  it("goes on and says so when it throttles all the time", async () => {
    const { measurement, resultOf, verdict } = prepare({
      behaviours: pair,
      serves,
      weather: { noise: 0.03, throttleEvents: (at) => Math.floor(at / 10) },
    });
    await measurement.run(signal);
    expect(resultOf("better")).toMatchObject({ throttled: true, outcome: "measured" });
    expect(verdict()).toMatchObject({ decision: "switch" });
    expect(verdict().reason).toContain("throttled");
  });

  it("stays within its share of the CPU, whether or not the device counts CPU time", async () => {
    for (const silent of [false, true]) {
      const { measurement, device } = prepare({
        behaviours: pair,
        serves,
        weather: { noise: 0.03, silent },
        budget: { maximumCpuShare: 0.1 },
      });
      await measurement.run(signal);
      const share = device.ownMs / (device.clock.monotonic() * SIMULATED_CORES);
      expect(share).toBeLessThanOrEqual(0.105);
      expect(share).toBeGreaterThan(0.05);
      expect(measurement.cpuShare).toBeCloseTo(share, 2);
    }
  });

  it("ends with its budget: what was reached is the result, and too few runs decide nothing", async () => {
    const { measurement, resultOf, verdict, device } = prepare({
      behaviours: { now: { runMs: 100 }, a: { runMs: 50 }, b: { runMs: 10 } },
      serves,
      budget: { seconds: 8, maximumCpuShare: 1 },
    });
    await measurement.run(signal);
    expect(device.clock.monotonic()).toBeLessThanOrEqual(8_001);
    expect(resultOf("a")?.outcome).toBe("not_reached");
    expect(resultOf("a")?.runs).toBeGreaterThan(0);
    expect(resultOf("b")).toMatchObject({ outcome: "not_reached", runs: 0, p50Ms: null });
    expect(verdict()).toMatchObject({ decision: "keep", candidateId: "now" });
  });
});

describe("the choice, over many devices", () => {
  const IDS = ["a", "b", "c", "d", "e", "f"] as const;

  /** By how much the other is slower than the one. */
  const slower = (one: number, other: number) => other / one - 1;

  it("finds one within 5 % of the best in 99 of 100, for a fifth of the runs of an exhaustive search", async () => {
    const trials = 150;
    const found: number[] = [];
    const running: number[] = [];
    const runs: number[] = [];
    for (let trial = 0; trial < trials; trial++) {
      const draw = seededRandom(`device ${trial}`);
      // Every second device is a hard one: candidates that are a few percent apart.
      const spread = trial % 2 === 0 ? 0.25 : 3;
      const timeOf = new Map(IDS.map((id) => [id as string, 2 * Math.exp(spread * draw())]));
      const incumbentId = IDS[trial % IDS.length] ?? "a";
      const { measurement, verdict } = prepare({
        behaviours: Object.fromEntries([...timeOf].map(([id, runMs]) => [id, { runMs }])),
        seed: `weather ${trial}`,
        serves: serving(makeCandidate(incumbentId)),
        weather: {
          noise: 0.02 + 0.13 * draw(),
          spikes: 10 + 90 * draw(),
          processes: 0.005,
          drift: (at) => 1 + 0.15 * Math.min(1, at / 20_000),
          clock: trial % 3 === 0 ? (at) => (at % 3_000 > 2_500 ? 0.6 : 1) : () => 1,
        },
      });
      await measurement.run(signal);
      const best = Math.min(...timeOf.values());
      const standings = [
        { id: incumbentId, time: 1 },
        ...measurement.finalists().map(({ id, ratio }) => ({ id, time: ratio?.typical ?? 9 })),
      ];
      const fastest = standings.reduce((a, b) => (b.time < a.time ? b : a));
      found.push(slower(best, timeOf.get(fastest.id) ?? Number.POSITIVE_INFINITY));
      running.push(slower(best, timeOf.get(verdict().candidateId ?? "") ?? Number.POSITIVE_INFINITY));
      runs.push(measurement.totalRuns);
    }
    const shareWithin = (values: readonly number[], limit: number) =>
      values.filter((value) => value <= limit).length / trials;
    expect(shareWithin(found, 0.05)).toBeGreaterThanOrEqual(0.99);
    // An incumbent stays when nothing is 5 % faster, give or take what measuring errs.
    expect(shareWithin(running, 0.06)).toBeGreaterThanOrEqual(0.99);
    expect(shareWithin(running, 0.05)).toBeGreaterThanOrEqual(0.97);
    expect(shareWithin(runs, EXHAUSTIVE_RUNS / 5)).toBeGreaterThanOrEqual(0.99);
  });
});
