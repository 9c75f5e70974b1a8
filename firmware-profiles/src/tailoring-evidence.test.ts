import { describe, expect, it } from "vitest";
import { DAY_MS, deviceLike, measuredBy, measurement, NOW, plan } from "./testing/fleet.js";

describe("past measurements beat rules", () => {
  const inventory = deviceLike("raspberry-pi-5");
  const deviceType = "raspberry-pi-5";
  const fp32 = { deviceType, variant: { name: "fp32", kind: "fp32" as const }, p50Ms: 2 };
  const s8s8 = { deviceType, variant: { name: "int8-s8s8", kind: "int8-s8s8" as const }, p50Ms: 3 };

  it("what 20 identical devices measured, the 21st starts with", () => {
    expect(plan({ inventory }).candidates[0]?.variant.kind).toBe("int8-s8s8");
    const measurements = [...measuredBy(20, fp32), ...measuredBy(20, s8s8)];
    const { candidates, summary } = plan({ inventory, measurements });
    expect(
      candidates.slice(0, 2).map(({ variant, predicted }) => [variant.kind, predicted.basis, predicted.devices]),
    ).toEqual([
      ["fp32", "measured", 20],
      ["int8-s8s8", "measured", 20],
    ]);
    expect(summary).toMatch(/First choice: fp32 on the CPU with 4 threads; 20 devices of this type measured 2 ms/);
    expect(candidates[0]?.reasons).toContainEqual(
      "20 devices of this type measured 2 ms in the middle and 2.4 ms at the 95th percentile, last 1 day ago.",
    );
  });

  it("an option that was measured alone was compared with nothing: it corrects the estimates of the others", () => {
    const { candidates } = plan({ inventory, measurements: measuredBy(20, { ...fp32, p50Ms: 30 }) });
    const [first] = candidates;
    expect(first?.variant.kind).toBe("int8-s8s8");
    expect(first?.predicted.basis).toBe("calibrated");
    expect(first?.predicted.latencyMs.typical).toBeGreaterThan(10);
    expect(first?.predicted.latencyMs.typical).toBeLessThan(30);
  });

  it("of another type, another network, an emulated device, a throttled one, or on another provider than asked, they say nothing", () => {
    const useless = [
      { deviceType: "raspberry-pi-4" },
      { model: "other" },
      { version: "2.0.0", macs: 1 },
      { emulated: true },
      { throttled: true },
      { providerVerified: false },
      { runs: 10 },
      { measuredAt: NOW - 400 * DAY_MS },
      { variant: { name: "gone", kind: "fp32" as const } },
    ].flatMap((change) => [measurement({ ...fp32, ...change }), measurement({ ...s8s8, ...change })]);
    expect(plan({ inventory, measurements: useless })).toEqual(plan({ inventory }));
  });

  it("fade with age: an old measurement still corrects, but no longer decides", () => {
    const old = { measuredAt: NOW - 300 * DAY_MS };
    const one = [measurement({ ...fp32, ...old }), measurement({ ...s8s8, ...old })];
    expect(
      plan({ inventory, measurements: one }).candidates.every(({ predicted }) => predicted.basis !== "measured"),
    ).toBe(true);
    const many = [...measuredBy(20, { ...fp32, ...old }), ...measuredBy(20, { ...s8s8, ...old })];
    expect(plan({ inventory, measurements: many }).candidates[0]?.predicted.basis).toBe("measured");
  });

  it("count once a device, with its latest, however often it reports", () => {
    const device = { deviceId: "device-loud" };
    const chatty = Array.from({ length: 50 }, (_, day) =>
      measurement({ ...fp32, ...device, p50Ms: 1, measuredAt: NOW - (day + 2) * DAY_MS }),
    );
    const latest = measurement({ ...fp32, ...device, p50Ms: 9, measuredAt: NOW - DAY_MS });
    const found = plan({ inventory, measurements: [...chatty, latest, ...measuredBy(3, s8s8)] }).candidates.find(
      ({ variant, predicted }) => variant.kind === "fp32" && predicted.basis === "measured",
    );
    expect(found?.predicted).toMatchObject({ devices: 1, latencyMs: { typical: expect.closeTo(9, 9) } });
  });

  it("of another power mode do not count for this one", () => {
    const orin = deviceLike("jetson-orin-nano-8gb");
    const type = { deviceType: "jetson-orin-nano-8gb" };
    const of = (powerModeId: number) => [
      ...measuredBy(3, { ...fp32, ...type, powerModeId }),
      ...measuredBy(3, { ...s8s8, ...type, powerModeId }),
    ];
    expect(plan({ inventory: orin, measurements: of(2) }).candidates[0]?.predicted.basis).toBe("measured");
    expect(plan({ inventory: orin, measurements: of(0) }).candidates[0]?.predicted.basis).toBe("estimated");
  });

  it("decide about limits: a measured 95th percentile, memory or power above the policy rules out", () => {
    const measurements = [
      ...measuredBy(5, { ...fp32, powerMilliwatts: 9_000, peakMemoryBytes: 300_000_000 }),
      ...measuredBy(5, { ...s8s8, powerMilliwatts: 5_000 }),
    ];
    const against = (policy: object) =>
      plan({ inventory, measurements, policy }).ruledOut.find(
        ({ variant, intraOpThreads }) => variant.kind === "fp32" && intraOpThreads === 4,
      );
    expect(against({ maximumP95Ms: 2.3 })?.reason).toBe(
      "Devices of this type measured 2.4 ms at the 95th percentile; the policy allows 2.3 ms.",
    );
    expect(against({ maximumMemoryBytes: 200_000_000 })?.code).toBe("too_much_memory");
    expect(against({ maximumPowerMilliwatts: 8_000 })?.reason).toMatch(/drew 9 W with it; the policy allows 8 W/);
    expect(
      plan({ inventory, measurements, policy: { maximumPowerMilliwatts: 8_000 } }).candidates[0]?.variant.kind,
    ).toBe("int8-s8s8");
  });

  it("never push the fallback out, however many others were faster", () => {
    const names = ["int8-s8s8", "int8-u8s8", "int8-u8s8-reduced"] as const;
    const measurements = names.flatMap((kind) =>
      [1, 2, 4].flatMap((intraOpThreads) =>
        measuredBy(3, { deviceType, variant: { name: kind, kind }, intraOpThreads, p50Ms: 0.1 * intraOpThreads }),
      ),
    );
    const { candidates } = plan({ inventory, measurements });
    expect(candidates).toHaveLength(6);
    expect(candidates[5]?.variant.kind).toBe("fp32");
    expect(candidates[5]?.reasons).toContainEqual(expect.stringMatching(/safe fallback/));
  });

  it("bring back what the profile avoids when it wins after all", () => {
    const u8s8 = { deviceType, variant: { name: "int8-u8s8", kind: "int8-u8s8" as const }, p50Ms: 1 };
    const measurements = [...measuredBy(3, u8s8), ...measuredBy(3, fp32)];
    const { candidates } = plan({ inventory, measurements });
    expect(candidates[0]?.variant.kind).toBe("int8-u8s8");
    expect(candidates[0]?.warnings).toContainEqual(expect.stringMatching(/expects it to lose/));
  });
});
