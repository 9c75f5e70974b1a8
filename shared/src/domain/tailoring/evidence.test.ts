import { describe, expect, it } from "vitest";
import type { TuningMeasurement } from "../../protocol/index.js";
import type { DeviceCapabilities } from "../hardware/index.js";
import { candidateKey, type EvidenceContext, gatherEvidence, HALF_LIFE_DAYS } from "./evidence.js";

const DAY_MS = 86_400_000;
const NOW = 1_700_000_000_000;
const capabilities: DeviceCapabilities = {
  deviceType: "box",
  title: "Box",
  generic: false,
  emulated: false,
  fastCores: 4,
  fastCore: undefined,
  clockMhz: undefined,
  providers: [],
  precisions: [],
  powerModes: [],
  maximumMilliwatts: undefined,
  activePowerModeId: undefined,
  traps: [],
};
const context: EvidenceContext = {
  capabilities,
  card: {
    model: "net",
    version: "1.0.0",
    family: "convolution",
    macs: 1_000,
    activationBytes: 0,
    variants: [{ name: "fp32", kind: "fp32", fileBytes: 1 }],
  },
  onnxRuntimeVersion: "1.30.0",
  now: NOW,
};
let made = 0;
const measured = (change: Partial<TuningMeasurement>): TuningMeasurement => {
  made += 1;
  return {
    measurementId: String(made).padStart(26, "0"),
    deviceId: `device-${made}`,
    deviceType: "box",
    emulated: false,
    model: "net",
    version: "1.0.0",
    macs: 1_000,
    variant: { name: "fp32", kind: "fp32" },
    executionProvider: "cpu",
    adapter: "onnxruntime-node",
    intraOpThreads: 4,
    sessionConfig: {},
    onnxRuntimeVersion: "1.30.4",
    runs: 200,
    p50Ms: 1,
    p95Ms: 2,
    throttled: false,
    providerVerified: true,
    measuredAt: NOW,
    ...change,
  };
};
const evidence = (...measurements: TuningMeasurement[]) =>
  gatherEvidence(measurements, context).get(candidateKey("fp32", "cpu", 4));

describe("what devices of one type measured", () => {
  it("is put together by the geometric mean, so that twice and half as fast cancel out", () => {
    const together = evidence(measured({ p50Ms: 1 }), measured({ p50Ms: 4 }));
    expect(together).toMatchObject({ devices: 2, weight: 2 });
    expect(together?.p50Ms).toBeCloseTo(2, 9);
    expect(together?.spread).toBeGreaterThan(2);
    expect(evidence(measured({}), measured({}))?.spread).toBe(1.05);
  });

  it("counts half after the half-life, with half the runs, by another runtime or of another version of the same network", () => {
    expect(evidence(measured({}))?.weight).toBe(1);
    expect(evidence(measured({ measuredAt: NOW - HALF_LIFE_DAYS * DAY_MS }))?.weight).toBeCloseTo(0.5, 9);
    expect(evidence(measured({ runs: 100 }))?.weight).toBe(0.5);
    expect(evidence(measured({ onnxRuntimeVersion: "1.29.0" }))?.weight).toBe(0.5);
    expect(evidence(measured({ version: "0.9.0" }))?.weight).toBe(0.5);
    expect(evidence(measured({ version: "0.9.0", macs: 2_000 }))).toBeUndefined();
  });

  it("weighs the fresh more than the stale", () => {
    const fresh = evidence(measured({ p50Ms: 1 }), measured({ p50Ms: 100, measuredAt: NOW - 360 * DAY_MS }));
    expect(fresh?.p50Ms).toBeLessThan(2);
  });

  it("dated into the future by a device without a clock is taken as fresh", () => {
    expect(evidence(measured({ measuredAt: NOW + 1000 * DAY_MS }))).toMatchObject({ weight: 1, newestAgeDays: 0 });
  });

  it("remembers the highest memory and the mean power of those that measured them", () => {
    const together = evidence(
      measured({ peakMemoryBytes: 10, powerMilliwatts: 1_000 }),
      measured({ peakMemoryBytes: 30, powerMilliwatts: 3_000 }),
      measured({}),
    );
    expect(together).toMatchObject({ memoryBytes: 30, powerMilliwatts: 2_000, devices: 3 });
  });

  it("is kept apart by whether threads spun while they waited; one thread waits for nobody", () => {
    const sessionConfig = { "session.intra_op.allow_spinning": "1" };
    const found = gatherEvidence(
      [
        measured({ p50Ms: 3 }),
        measured({ p50Ms: 2, sessionConfig }),
        measured({ p50Ms: 9, intraOpThreads: 1, sessionConfig }),
      ],
      context,
    );
    const p50 = (threads: number, spinning: boolean) =>
      found.get(candidateKey("fp32", "cpu", threads, spinning))?.p50Ms;
    expect([p50(4, false), p50(4, true), p50(1, false)].map((value) => value?.toFixed(6))).toEqual([
      "3.000000",
      "2.000000",
      "9.000000",
    ]);
    expect(p50(1, true)).toBeUndefined();
  });

  it("holds for the content that was measured, not for what was built under its name later", () => {
    const [old, now] = [`sha256:${"a".repeat(64)}`, `sha256:${"b".repeat(64)}`] as const;
    const card = { ...context.card, variants: [{ name: "fp32", kind: "fp32" as const, digest: now, fileBytes: 1 }] };
    const weight = (change: Partial<TuningMeasurement>) =>
      [...gatherEvidence([measured(change)], { ...context, card }).values()].map((found) => found.weight);
    expect(weight({ variant: { name: "fp32", kind: "fp32", digest: now } })).toEqual([1]);
    expect(weight({ variant: { name: "fp32", kind: "fp32", digest: old } })).toEqual([]);
    expect(weight({ variant: { name: "fp32", kind: "fp32" } })).toEqual([]);
    // Another version has other weights, and so other content, but the same arithmetic.
    expect(weight({ version: "0.9.0", variant: { name: "fp32", kind: "fp32", digest: old } })).toEqual([0.5]);
  });

  it("of another version counts for a pruned variant only where that computes as much", () => {
    const pruned = { name: "fp32-pruned", kind: "fp32" as const };
    const card = { ...context.card, variants: [...context.card.variants, { ...pruned, fileBytes: 1, macs: 600 }] };
    const found = (macs: number) =>
      gatherEvidence([measured({ version: "0.9.0", variant: pruned, macs })], { ...context, card }).size;
    expect([found(600), found(1_000)]).toEqual([1, 0]);
  });
});
