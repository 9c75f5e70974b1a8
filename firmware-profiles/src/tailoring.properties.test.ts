import type { ModelCard } from "@sartor/shared/domain/tailoring";
import {
  EXECUTION_PROVIDERS,
  MAXIMUM_CANDIDATES,
  MODEL_FAMILIES,
  type TailoringPolicy,
  type TuningMeasurement,
  tailoringPlanSchema,
  VARIANT_KINDS,
} from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DAY_MS, deviceLike, measurement, NOW, PROFILES, plan, profileOf, ROAD_SIGN } from "./testing/fleet.js";

const ids = PROFILES.map((profile) => profile.id);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const policies: fc.Arbitrary<TailoringPolicy> = fc.record({
  maximumP95Ms: maybe(fc.double({ min: 0.01, max: 1000, noNaN: true })),
  minimumAccuracy: maybe(fc.double({ min: 0.5, max: 1, noNaN: true })),
  maximumAccuracyLoss: maybe(fc.double({ min: 0, max: 0.05, noNaN: true })),
  maximumMemoryBytes: maybe(fc.integer({ min: 1, max: 2_000_000_000 })),
  maximumPowerMilliwatts: maybe(fc.integer({ min: 1, max: 100_000 })),
  maximumThreads: maybe(fc.integer({ min: 1, max: 16 })),
  forbiddenVariants: fc.subarray([...VARIANT_KINDS]),
  forbiddenProviders: fc.subarray([...EXECUTION_PROVIDERS]),
});
const cards: fc.Arbitrary<ModelCard> = fc.record({
  model: fc.constant(ROAD_SIGN.model),
  version: fc.constant(ROAD_SIGN.version),
  family: fc.constantFrom(...MODEL_FAMILIES),
  macs: fc.integer({ min: 0, max: 100_000_000_000 }),
  activationBytes: fc.integer({ min: 0, max: 500_000_000 }),
  variants: fc
    .uniqueArray(
      fc.record({
        kind: fc.constantFrom(...VARIANT_KINDS),
        fileBytes: fc.integer({ min: 1, max: 1_000_000_000 }),
        accuracy: maybe(fc.double({ min: 0, max: 1, noNaN: true })),
      }),
      { minLength: 1, maxLength: 9, selector: (variant) => variant.kind },
    )
    .map((variants) => variants.map((variant) => ({ ...variant, name: variant.kind }))),
});
const measured = (deviceType: string): fc.Arbitrary<TuningMeasurement[]> =>
  fc.array(
    fc
      .record({
        kind: fc.constantFrom(...VARIANT_KINDS),
        executionProvider: fc.constantFrom(...EXECUTION_PROVIDERS),
        intraOpThreads: fc.constantFrom(1, 2, 4),
        p50Ms: fc.double({ min: 0.01, max: 500, noNaN: true }),
        runs: fc.integer({ min: 1, max: 2000 }),
        device: fc.integer({ min: 0, max: 5 }),
        age: fc.integer({ min: -10, max: 500 }),
        throttled: fc.boolean(),
      })
      .map(({ kind, device, age, ...rest }) =>
        measurement({
          ...rest,
          deviceType,
          variant: { name: kind, kind },
          deviceId: `device-${device}`,
          measuredAt: NOW - age * DAY_MS,
        }),
      ),
    { maxLength: 40 },
  );
const cases = fc
  .constantFrom(...ids)
  .map((id) => ({ id, inventory: deviceLike(id, [...EXECUTION_PROVIDERS]) }))
  .chain(({ id, inventory }) =>
    fc.record({
      id: fc.constant(id),
      inventory: fc.constant(inventory),
      card: cards,
      policy: policies,
      measurements: measured(plan({ inventory }).deviceType),
      providers: fc.constantFrom("reported" as const, "all" as const),
    }),
  );

describe("whatever the device, the model, the policy and the history", () => {
  it("a plan is valid, has six candidates at most, and says why when it has none", () => {
    fc.assert(
      fc.property(cases, (asked) => {
        const result = plan(asked);
        tailoringPlanSchema.parse(result);
        expect(result.candidates.length).toBeLessThanOrEqual(MAXIMUM_CANDIDATES);
        expect(result.candidates.map((candidate) => candidate.rank)).toEqual(
          result.candidates.map((_, index) => index + 1),
        );
        if (result.outcome === "none")
          expect(result.summary).toMatch(/No candidate holds the policy.*What would help: \w/);
        else expect(result.candidates[0]?.reasons.length).toBeGreaterThanOrEqual(2);
      }),
      { numRuns: 200 },
    );
  });

  it("nothing forbidden, unknown, impossible or over a limit is ever proposed", () => {
    fc.assert(
      fc.property(cases, (asked) => {
        const { card, policy } = asked;
        const result = plan(asked);
        const baseline = card.variants.find((variant) => variant.kind === "fp32")?.accuracy;
        const facts = result.profiles.flatMap(({ id }) => profileOf(id).precisions);
        for (const { variant, executionProvider, accuracy, intraOpThreads, predicted } of result.candidates) {
          expect(card.variants.map(({ name }) => name)).toContain(variant.name);
          expect(policy.forbiddenVariants).not.toContain(variant.kind);
          expect(policy.forbiddenProviders).not.toContain(executionProvider);
          const standing = facts.find(
            (entry) => entry.variant === variant.kind && entry.provider === executionProvider,
          )?.standing;
          expect(["prefer", "measure", "avoid"]).toContain(standing);
          if (policy.minimumAccuracy !== undefined) expect(accuracy).toBeGreaterThanOrEqual(policy.minimumAccuracy);
          if (policy.maximumAccuracyLoss !== undefined && variant.kind !== "fp32") {
            expect((baseline ?? Number.NaN) - (accuracy ?? 0)).toBeLessThanOrEqual(policy.maximumAccuracyLoss + 1e-9);
          }
          expect(intraOpThreads).toBeLessThanOrEqual(policy.maximumThreads ?? 256);
          expect(intraOpThreads).toBeLessThanOrEqual(asked.inventory.cpu.logicalCores);
          expect(predicted.memoryBytes).toBeLessThanOrEqual(policy.maximumMemoryBytes ?? Number.POSITIVE_INFINITY);
          expect(predicted.p95Ms ?? predicted.latencyMs.low).toBeLessThanOrEqual(
            policy.maximumP95Ms ?? Number.POSITIVE_INFINITY,
          );
          expect(predicted.latencyMs.low).toBeLessThanOrEqual(predicted.latencyMs.typical);
          expect(predicted.latencyMs.typical).toBeLessThanOrEqual(predicted.latencyMs.high);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("the fallback is there, or the plan says what rules it out", () => {
    fc.assert(
      fc.property(cases, (asked) => {
        const result = plan(asked);
        const isFallback = (entry: { variant: { kind: string }; executionProvider: string }) =>
          entry.variant.kind === "fp32" && entry.executionProvider === "cpu";
        if (!asked.card.variants.some((variant) => variant.kind === "fp32")) return;
        const against = result.ruledOut.filter((entry) => isFallback(entry) && entry.code !== "outranked");
        expect(result.candidates.some(isFallback) || against.length > 0).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("every variant on every provider of the device is either a candidate or ruled out with a reason", () => {
    fc.assert(
      fc.property(cases, (asked) => {
        const result = plan(asked);
        const named = [...result.candidates, ...result.ruledOut].map(
          (entry) => `${entry.variant.name} ${entry.executionProvider}`,
        );
        const providers = result.profiles.flatMap(({ id }) => profileOf(id).executionProviders.map(({ name }) => name));
        for (const provider of providers) {
          for (const { name } of asked.card.variants) expect(named).toContain(`${name} ${provider}`);
        }
        expect(result.ruledOut.every((entry) => entry.reason.length > 10)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it("measured candidates stand in the order of what was measured, before the others once two were compared", () => {
    fc.assert(
      fc.property(cases, (asked) => {
        const { candidates } = plan(asked);
        const tails = candidates.flatMap(({ predicted }) =>
          predicted.basis === "measured" ? [predicted.p95Ms ?? 0] : [],
        );
        expect(tails).toEqual([...tails].sort((a, b) => a - b));
        // The fallback keeps its place among the six even where more than six were measured.
        if (tails.length < 2 || tails.length === MAXIMUM_CANDIDATES) return;
        expect(candidates.slice(0, tails.length).every(({ predicted }) => predicted.basis === "measured")).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("the same input gives the same plan, in whatever order measurements and variants come", () => {
    fc.assert(
      fc.property(cases, (asked) => {
        const again = { ...asked, measurements: [...asked.measurements].reverse() };
        const shuffled = { ...again, card: { ...asked.card, variants: [...asked.card.variants].reverse() } };
        expect(plan(again)).toEqual(plan(asked));
        expect(plan(shuffled).candidates).toEqual(plan(asked).candidates);
      }),
      { numRuns: 200 },
    );
  });
});
