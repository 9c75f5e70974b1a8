import { SartorError } from "@sartor/shared/errors";
import { tuningReportSchema } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SettingsStore } from "../storage/index.js";
import { TuningRecord } from "./record.js";
import { makeOrder, OTHER_TUNING_ID, TUNING_ID } from "./testing/orders.js";
import { DeviceState, fp32, int8, order, Rig } from "./testing/tuner-rig.js";

const HOUR_MS = 3_600_000;

let state: DeviceState;
beforeEach(() => {
  state = new DeviceState();
});
afterEach(() => state.remove());

describe("an order", () => {
  it("is measured once, reported in the protocol's words, and not repeated after a restart", async () => {
    const rig = new Rig(state);
    rig.tuner.accept(order);
    await rig.until(() => rig.reports.length === 1);
    const [report] = rig.reports;
    expect(report).toMatchObject({
      status: "succeeded",
      trigger: "ordered",
      verdict: { decision: "switch", candidateId: "int8" },
    });
    expect(report?.incumbent).toEqual({ bundleId: fp32.bundle.bundleId, variant: "fp32", candidateId: "fp32" });
    const whole = { schemaVersion: 1, deviceId: "device-1", sequence: 1, at: 1, ...report };
    expect(tuningReportSchema.safeParse(JSON.parse(JSON.stringify(whole))).error).toBeUndefined();
    await rig.until(() => rig.tuner.state?.step === "done");
    expect([...new Set(rig.steps)]).toEqual(["waiting", "downloading", "verifying", "measuring", "done"]);
    await rig.stop();

    const restarted = new Rig(state);
    restarted.tuner.accept(order);
    await restarted.pass(3 * HOUR_MS);
    expect(restarted.reports).toEqual([]);
    expect(restarted.tuner.state).toEqual({ tuningId: TUNING_ID, step: "done", progress: 1 });
    await restarted.stop();
  });

  it("of a single candidate shows that it is measured from the first round on, not from the end of the first rung", async () => {
    const rig = new Rig(state);
    rig.tuner.accept(makeOrder([int8]));
    await rig.until(() => rig.tuner.state?.step === "measuring");
    expect(rig.tuner.state?.progress).toBe(0);
    await rig.until(() => (rig.tuner.state?.progress ?? 0) > 0);
    expect(rig.tuner.state?.progress).toBeLessThan(0.3);
    await rig.until(() => rig.tuner.state?.step === "done");
    await rig.stop();
  });

  it("that is withdrawn while it is measured is reported as canceled, and its bundles go", async () => {
    const rig = new Rig(state);
    rig.tuner.accept(order);
    await rig.until(() => rig.device.ownMs > 1_500);
    rig.tuner.accept(null);
    await rig.until(() => rig.reports.length === 1);
    expect(rig.reports[0]).toMatchObject({ status: "canceled", verdict: null, tuningId: TUNING_ID });
    await rig.until(() => rig.discards.at(-1)?.length === 0);
    expect(rig.device.open_.size).toBe(0);
    expect(rig.tuner.state).toBeNull();
    await rig.stop();
  });

  it("that is withdrawn in the moment in which its measuring ends is reported as canceled, too", async () => {
    const rig = new Rig(state);
    rig.device.whenClosed = () => {
      if (rig.device.open_.size === 0) rig.tuner.accept(null);
    };
    rig.tuner.accept(order);
    await rig.until(() => rig.tuner.state === null && rig.device.opened > 0 && rig.device.open_.size === 0);
    await rig.pass(60_000);
    expect(rig.reports).toMatchObject([{ status: "canceled", verdict: null, tuningId: TUNING_ID }]);
    await rig.stop();
  });

  it("that is withdrawn before anything was measured leaves nothing to tell", async () => {
    const rig = new Rig(state);
    rig.mayMeasure = false;
    rig.tuner.accept(order);
    await rig.pass(60_000);
    expect(rig.tuner.state?.step).toBe("waiting");
    rig.tuner.accept(null);
    await rig.pass(60_000);
    expect(rig.reports).toEqual([]);
    await rig.stop();
  });

  it("takes the place of another at once", async () => {
    const rig = new Rig(state);
    rig.tuner.accept(order);
    await rig.until(() => rig.device.ownMs > 1_500);
    rig.tuner.accept({ ...order, tuningId: OTHER_TUNING_ID });
    await rig.until(() => rig.reports.length === 2);
    expect(rig.reports.map(({ tuningId, status }) => [tuningId, status])).toEqual([
      [TUNING_ID, "canceled"],
      [OTHER_TUNING_ID, "succeeded"],
    ]);
    await rig.stop();
  });

  it("is not lost when its report cannot be stored for a while", async () => {
    const rig = new Rig(state);
    rig.reportFails = 3;
    rig.tuner.accept(order);
    await rig.until(() => rig.reports.length === 1);
    expect(rig.reports[0]?.status).toBe("succeeded");
    await rig.stop();
  });

  it("is sent once: what was stored of a report goes when it cannot be noted that it was", async () => {
    const rig = new Rig(state);
    rig.settings.fails = 2;
    rig.tuner.accept(order);
    await rig.until(() => rig.tuner.state?.step === "done");
    expect(rig.reports).toHaveLength(3);
    expect(rig.outbox.totals().messages).toBe(1);
    await rig.stop();
  });

  it("whose report no broker would take says that, instead of nothing", async () => {
    const rig = new Rig(state);
    rig.mostResults = 1;
    rig.tuner.accept(order);
    await rig.until(() => rig.tuner.state?.step === "done");
    expect(rig.reports).toMatchObject([{ status: "failed", error: { code: "SRT_PACKET_TOO_LARGE" }, results: [] }]);
    // Nobody hears of the switch, so none will come: its bundle is not kept for it.
    await rig.until(() => rig.discards.at(-1)?.length === 0);
    await rig.stop();
  });
});

describe("while something else needs the device", () => {
  it("measuring stops at once, gives its processes back and begins anew later", async () => {
    const rig = new Rig(state);
    rig.tuner.accept(order);
    await rig.until(() => rig.device.ownMs > 1_500);
    rig.mayMeasure = false;
    rig.tuner.interrupt("a deployment begins");
    await rig.until(() => rig.device.open_.size === 0);
    const spent = rig.device.ownMs;
    await rig.pass(10 * 60_000);
    expect(rig.device.ownMs).toBe(spent);
    expect(rig.tuner.state?.step).toBe("waiting");
    rig.mayMeasure = true;
    await rig.until(() => rig.reports.length === 1);
    expect(rig.reports[0]?.status).toBe("succeeded");
    await rig.stop();
  });

  it("nothing is loaded after a long download, and that counts as no failure", async () => {
    const rig = new Rig(state);
    rig.whileFetching = async () => {
      await rig.clock.sleep(3_600_000);
      rig.mayMeasure = false;
    };
    for (let times = 0; times < 4; times++) {
      rig.mayMeasure = true;
      if (times === 0) rig.tuner.accept(order);
      await rig.until(() => rig.tuner.state?.step === "downloading");
      await rig.until(() => rig.tuner.state?.step === "waiting");
    }
    expect(rig.device.opened).toBe(0);
    expect(rig.reports).toEqual([]);
    rig.whileFetching = async () => undefined;
    rig.mayMeasure = true;
    await rig.until(() => rig.reports.length === 1);
    expect(rig.reports[0]?.status).toBe("succeeded");
    await rig.stop();
  });

  it("measuring stops even when nobody says so", async () => {
    const rig = new Rig(state);
    rig.tuner.accept(order);
    await rig.until(() => rig.device.ownMs > 1_500);
    rig.mayMeasure = false;
    await rig.until(() => rig.tuner.state?.step === "waiting");
    expect(rig.reports).toEqual([]);
    await rig.stop();
  });

  it("a stop of the agent leaves no report, and the order begins anew after it", async () => {
    const rig = new Rig(state);
    rig.tuner.accept(order);
    await rig.until(() => rig.device.ownMs > 1_500);
    await rig.stop();
    expect(rig.reports).toEqual([]);
    expect(rig.device.open_.size).toBe(0);
    const restarted = new Rig(state);
    restarted.tuner.accept(order);
    await restarted.until(() => restarted.reports.length === 1);
    await restarted.stop();
  });
});

describe("measuring that does harm", () => {
  it("is given up when what serves is not well three times beside it", async () => {
    const rig = new Rig(state);
    rig.tuner.accept(order);
    for (let times = 0; times < 3; times++) {
      const spent = rig.device.ownMs;
      await rig.until(() => rig.device.ownMs > spent + 1_500);
      rig.mayMeasure = false;
      await rig.until(() => rig.device.open_.size === 0);
      rig.mayMeasure = true;
    }
    await rig.until(() => rig.reports.length === 1);
    expect(rig.reports[0]).toMatchObject({ status: "failed", error: { code: "SRT_TUNING_FAILED" } });
    await rig.stop();
  });

  it("is not begun a fourth time when the agent died in it three times in a row", async () => {
    // Each as a start finds it that follows a kill or a power cut.
    const die = () => new TuningRecord(new SettingsStore(state.database)).noteBegun(TUNING_ID);
    die();
    die();
    const third = new Rig(state);
    third.tuner.accept(order);
    await third.until(() => third.device.ownMs > 1_500);
    await third.stop();
    // A stop in order is no death, and the row ends with it.
    for (let deaths = 0; deaths < 3; deaths++) die();
    const fourth = new Rig(state);
    fourth.tuner.accept(order);
    await fourth.until(() => fourth.reports.length === 1);
    expect(fourth.reports[0]).toMatchObject({ status: "failed", error: { code: "SRT_TUNING_FAILED" }, totalRuns: 0 });
    expect(fourth.device.opened).toBe(0);
    await fourth.stop();
  });
});

describe("what goes wrong", () => {
  it("is reported with its code: a full disk", async () => {
    const rig = new Rig(state);
    rig.fetchError = new SartorError("SRT_DISK_FULL", "No space.");
    rig.tuner.accept(order);
    await rig.until(() => rig.reports.length === 1);
    expect(rig.reports[0]).toMatchObject({
      status: "failed",
      error: { code: "SRT_DISK_FULL" },
      results: [],
      verdict: null,
    });
    await rig.stop();
  });

  it("is tried again, three times in all: what serves dies when it is measured", async () => {
    const rig = new Rig(state, { fp32: { runMs: 4, diesAtRun: 20 }, int8: { runMs: 2 } });
    rig.tuner.accept(order);
    await rig.until(() => rig.reports.length === 1);
    expect(rig.reports[0]).toMatchObject({ status: "failed", error: { code: "SRT_INFERENCE_FAILED" } });
    expect(rig.device.opened).toBe(6);
    await rig.stop();
  });

  it("is told whole or in part, and never refused for its length: a process that said much before it died", async () => {
    const openError = new SartorError("SRT_MODEL_UNSUPPORTED", "free(): invalid pointer ".repeat(200));
    const rig = new Rig(state, { fp32: { runMs: 4 }, int8: { runMs: 2, openError } });
    rig.tuner.accept(order);
    await rig.until(() => rig.reports.length === 1);
    const whole = { schemaVersion: 1, deviceId: "device-1", sequence: 1, at: 1, ...rig.reports[0] };
    expect(tuningReportSchema.safeParse(JSON.parse(JSON.stringify(whole))).error).toBeUndefined();
    await rig.stop();
  });

  it("names every candidate when none could be measured", async () => {
    const openError = new SartorError("SRT_MODEL_UNSUPPORTED", "An operator is missing.");
    const rig = new Rig(state, { fp32: { runMs: 4, openError }, int8: { runMs: 2, openError } });
    rig.tuner.accept(order);
    await rig.until(() => rig.reports.length === 1);
    expect(rig.reports[0]).toMatchObject({ status: "failed", error: { code: "SRT_TUNING_FAILED" } });
    expect(rig.reports[0]?.results.map(({ outcome }) => outcome)).toEqual(["refused", "refused"]);
    await rig.stop();
  });
});
