import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LONGEST_LOOK_MS, planRenewal, planRetry, type RenewalSituation } from "./plan-renewal.js";

const DAY_MS = 86_400_000;
const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const situation = fc
  .record({
    notBefore: fc.integer({ min: 0, max: 4e12 }),
    life: fc.integer({ min: 60_000, max: 400 * DAY_MS }),
    now: fc.integer({ min: 0, max: 5e12 }),
    draw,
    isProposed: fc.boolean(),
    saidExpired: fc.boolean(),
  })
  .map(({ life, ...rest }): RenewalSituation => ({ ...rest, notAfter: rest.notBefore + life }));

describe("planRenewal", () => {
  it("first uses what was renewed, whatever else holds", () => {
    fc.assert(
      fc.property(situation, (s) => {
        expect(planRenewal({ ...s, isProposed: true })).toEqual({ step: "prove" });
      }),
    );
  });

  it("signs a nonce exactly when the certificate is past its time, by this clock or by the control plane's word", () => {
    fc.assert(
      fc.property(situation, (s) => {
        const late = !s.isProposed && (s.saidExpired || s.now >= s.notAfter);
        expect(planRenewal(s).step === "renewLate").toBe(late);
      }),
    );
  });

  it("never renews before two thirds of the life, and always from three quarters on", () => {
    fc.assert(
      fc.property(situation, (s) => {
        const { step } = planRenewal({ ...s, isProposed: false, saidExpired: false });
        const share = (s.now - s.notBefore) / (s.notAfter - s.notBefore);
        if (share < 2 / 3 - 1e-9) expect(step).toBe("wait");
        if (share > 3 / 4 + 1e-9 && share < 1) expect(step).toBe("renew");
      }),
    );
  });

  it("once due stays due: a later look never waits", () => {
    fc.assert(
      fc.property(situation, fc.integer({ min: 0, max: 1e12 }), (s, later) => {
        const calm = { ...s, isProposed: false, saidExpired: false };
        if (planRenewal(calm).step === "wait") return;
        expect(planRenewal({ ...calm, now: s.now + later }).step).not.toBe("wait");
      }),
    );
  });

  it("waits at least a moment and at most an hour, since the clock may be set meanwhile", () => {
    fc.assert(
      fc.property(situation, (s) => {
        const plan = planRenewal(s);
        if (plan.step !== "wait") return;
        expect(plan.milliseconds).toBeGreaterThan(0);
        expect(plan.milliseconds).toBeLessThanOrEqual(LONGEST_LOOK_MS);
      }),
    );
  });

  it("spreads a fleet that enrolled together over two and a half days of thirty", () => {
    const dueAt = (d: number) => {
      let [low, high] = [0, 30 * DAY_MS];
      while (high - low > 1) {
        const now = Math.floor((low + high) / 2);
        const { step } = planRenewal({
          now,
          notBefore: 0,
          notAfter: 30 * DAY_MS,
          draw: d,
          isProposed: false,
          saidExpired: false,
        });
        if (step === "wait") low = now;
        else high = now;
      }
      return high;
    };
    expect(dueAt(0) / DAY_MS).toBeCloseTo(20, 5);
    expect(dueAt(0.999_999_9) / DAY_MS).toBeCloseTo(22.5, 3);
  });
});

describe("planRetry", () => {
  it("waits at least 100 ms, at most an hour, and leaves room for five attempts in the last quarter of a life", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        fc.integer({ min: 60_000, max: 400 * DAY_MS }),
        draw,
        (failures, life, d) => {
          const wait = planRetry(failures, life, () => d);
          expect(wait).toBeGreaterThanOrEqual(100);
          expect(wait).toBeLessThanOrEqual(LONGEST_LOOK_MS);
          expect(5 * wait).toBeLessThanOrEqual(life / 4 + 5);
        },
      ),
    );
  });
});
