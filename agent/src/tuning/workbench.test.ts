import { SartorError } from "@sartor/shared/errors";
import { describe, expect, it } from "vitest";
import { Contender } from "./contender.js";
import type { CandidateLoader } from "./ports.js";
import { makeCandidate, QUIET, TUNING_ID } from "./testing/orders.js";
import { SIMULATED_CORES, SimulatedDevice } from "./testing/simulated-device.js";
import { Workbench } from "./workbench.js";

const SHARE = 0.05;
const { signal } = new AbortController();

async function shareOfLoading(change: (device: SimulatedDevice) => CandidateLoader["open"], threads = 1) {
  const device = new SimulatedDevice("bench", { now: { runMs: 4 } });
  const loader = { open: change(device) };
  const bench = new Workbench(SHARE, {
    loader,
    conditions: device,
    clock: device.clock,
    logger: QUIET,
    cores: SIMULATED_CORES,
  });
  const contender = new Contender(makeCandidate("now", threads), TUNING_ID);
  for (let times = 0; times < 4; times++) {
    const loaded = await bench.load(contender, signal);
    if (loaded !== undefined) await bench.close(loaded.session);
  }
  return { spentMs: bench.spentMs, wallMs: device.clock.monotonic() };
}

describe("loading keeps to the share of the CPU", () => {
  it("with the processes that were needed to look at the candidate and are gone", async () => {
    const { spentMs, wallMs } = await shareOfLoading((device) => async (candidate, signal) => {
      const session = await device.open(candidate, signal);
      return { ...session, inspectionCpuMs: 700 };
    });
    expect(spentMs).toBeGreaterThanOrEqual(4 * 700);
    expect(spentMs / (wallMs * SIMULATED_CORES)).toBeLessThanOrEqual(1.001 * SHARE);
  });

  it("when it fails again and again", async () => {
    const { spentMs, wallMs } = await shareOfLoading((device) => async () => {
      await device.clock.sleep(3_000);
      throw new SartorError("SRT_MODEL_UNSUPPORTED", "It does not load.");
    });
    expect(spentMs).toBeGreaterThanOrEqual(4 * 3_000);
    expect(spentMs / (wallMs * SIMULATED_CORES)).toBeLessThanOrEqual(1.001 * SHARE);
  });

  it("when it fails over golden vectors, which run on all of its threads", async () => {
    const threads = 3;
    const { spentMs, wallMs } = await shareOfLoading(
      (device) => async () => {
        await device.clock.sleep(3_000);
        throw new SartorError("SRT_INFERENCE_TIMED_OUT", "It hangs.");
      },
      threads,
    );
    expect(spentMs).toBeGreaterThanOrEqual(4 * 3_000 * threads);
    expect(spentMs / (wallMs * SIMULATED_CORES)).toBeLessThanOrEqual(1.001 * SHARE);
  });
});
