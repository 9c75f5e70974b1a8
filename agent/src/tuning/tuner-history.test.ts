import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ENVIRONMENT, OTHER_TUNING_ID, serving } from "./testing/orders.js";
import { DeviceState, fp32, int8, order, Rig } from "./testing/tuner-rig.js";

const HOUR_MS = 3_600_000;

let state: DeviceState;
beforeEach(() => {
  state = new DeviceState();
});
afterEach(() => state.remove());

describe("a changed environment", () => {
  it("asks for the same order again once it has settled, an hour after the last at the earliest", async () => {
    const rig = new Rig(state);
    rig.tuner.accept(order);
    await rig.until(() => rig.reports.length === 1);
    const finishedAt = rig.clock.monotonic();
    rig.environment = { ...ENVIRONMENT, onnxRuntimeVersion: "1.31.0" };
    rig.tuner.wake();
    await rig.until(() => rig.reports.length === 2);
    expect(rig.reports[1]).toMatchObject({
      trigger: "environment_changed",
      environment: { onnxRuntimeVersion: "1.31.0" },
    });
    expect(rig.clock.monotonic() - finishedAt).toBeGreaterThan(HOUR_MS);
    await rig.stop();
  });

  it("is what a tuning is filed under that had to wait for its bundles meanwhile", async () => {
    const rig = new Rig(state);
    rig.whileFetching = async () => {
      rig.environment = { ...ENVIRONMENT, powerModeId: 2 };
    };
    rig.tuner.accept(order);
    await rig.until(() => rig.reports.length === 1);
    expect(rig.reports[0]).toMatchObject({ status: "succeeded", environment: { powerModeId: 2 } });
    await rig.pass(3 * HOUR_MS);
    expect(rig.reports).toHaveLength(1);
    await rig.stop();
  });

  it("makes a tuning begin anew that is under way: half of it would be filed under what the device no longer is", async () => {
    const rig = new Rig(state);
    rig.tuner.accept(order);
    await rig.until(() => rig.device.ownMs > 1_500);
    const { opened } = rig.device;
    rig.environment = { ...ENVIRONMENT, powerModeId: 2 };
    await rig.until(() => rig.reports.length === 1);
    expect(rig.reports[0]).toMatchObject({ status: "succeeded", trigger: "ordered", environment: { powerModeId: 2 } });
    expect(rig.device.openings.get("fp32")).toBe(2);
    expect(rig.device.opened).toBeGreaterThan(opened + 1);
    await rig.stop();
  });

  it("is noticed over a restart", async () => {
    const rig = new Rig(state);
    rig.tuner.accept(order);
    await rig.until(() => rig.reports.length === 1);
    await rig.stop();
    const updated = new Rig(state, undefined, 2 * HOUR_MS);
    updated.environment = { ...ENVIRONMENT, agentVersion: "1.1.0" };
    updated.tuner.accept(order);
    await updated.until(() => updated.reports.length === 1);
    expect(updated.reports[0]?.trigger).toBe("environment_changed");
    await updated.stop();
  });
});

describe("hysteresis", () => {
  it("counts from when the chosen candidate began to serve, and ends after its time", async () => {
    const rig = new Rig(state);
    rig.tuner.accept(order);
    await rig.until(() => rig.reports.length === 1);
    // The rollout installs what was chosen; its bundle is kept for that.
    await rig.until(() => rig.discards.at(-1)?.join() === int8.bundle.bundleId);
    rig.incumbent = serving(int8);
    rig.tuner.wake();
    await rig.until(() => rig.discards.at(-1)?.length === 0);
    // Meanwhile int8 became the slow one, e.g. with another runtime.
    await rig.stop();
    for (const [later, decision] of [
      [HOUR_MS, "hold"],
      [30 * HOUR_MS, "switch"],
    ] as const) {
      const after = new Rig(state, { fp32: { runMs: 2 }, int8: { runMs: 4 } }, later);
      after.incumbent = serving(int8);
      after.tuner.accept({ ...order, tuningId: decision === "hold" ? OTHER_TUNING_ID : "01JTAAAAAAAAAAAAAAAAAAAAA3" });
      await after.until(() => after.reports.length === 1);
      expect(after.reports[0]?.verdict).toMatchObject({ decision, candidateId: "fp32" });
      await after.stop();
    }
  });

  it("does not count a trial that was taken back, and what was chosen stays for another", async () => {
    const rig = new Rig(state);
    rig.tuner.accept(order);
    await rig.until(() => rig.reports.length === 1);
    // While it is deployed it serves on trial.
    rig.mayMeasure = false;
    rig.incumbent = serving(int8);
    rig.tuner.wake();
    await rig.pass(120_000);
    rig.incumbent = serving(fp32);
    rig.mayMeasure = true;
    rig.tuner.accept(null);
    await rig.pass(120_000);
    expect(rig.discards.at(-1)).toEqual([int8.bundle.bundleId]);
    rig.tuner.accept({ ...order, tuningId: OTHER_TUNING_ID });
    await rig.until(() => rig.reports.length === 2);
    expect(rig.reports[1]?.verdict).toMatchObject({ decision: "switch", candidateId: "int8" });
    await rig.stop();
  });
});
