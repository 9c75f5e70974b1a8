import type { DesiredState } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import type { DeploymentRecord } from "../ota/index.js";
import { MAXIMUM_INTERRUPTIONS, planStep as plan, type Situation } from "./plan-step.js";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const deployment = (id: string, letter = "b") => ({
  deploymentId: `01J0000000000000000000000${id}`,
  rolloutId: "01J00000000000000000000000",
  bundle: { bundleId: digest(letter), manifestBytes: 100, model: "road-sign", version: "1.0.0" },
  probe: { deadlineMs: 60_000, soakMs: 0 },
});
const desired = (id: string | null, generation = 1): DesiredState => ({
  schemaVersion: 1,
  deviceId: "device-1",
  generation,
  issuedAt: 0,
  deployment: id === null ? null : deployment(id),
  tuning: null,
  telemetry: { windowSeconds: 60 },
});
/** The same as a verified order. */
const order = (id: string | null, generation = 1) => ({
  desired: desired(id, generation),
  releaseCounter: id === null ? null : 3,
});
const record = (step: DeploymentRecord["step"], more: Partial<DeploymentRecord> = {}): DeploymentRecord => ({
  deployment: deployment("1"),
  releaseCounter: 3,
  slot: "b",
  status: "in_progress",
  step,
  attempt: 1,
  interruptions: 0,
  repairs: 0,
  ...more,
});
const planStep = (situation: Omit<Situation, "servingIsBroken"> & Partial<Situation>) =>
  plan({ servingIsBroken: false, ...situation });
const committed = { slot: "a" as const, bundleId: digest("a") };

describe("the next step towards the desired state", () => {
  it("serves the committed bundle before anything else, also in the middle of a deployment", () => {
    expect(planStep({ order: order("1"), committed, record: record("probing"), servingBundleId: null })?.action).toBe(
      "serve",
    );
  });

  it("does nothing when nothing is wanted", () => {
    expect(
      planStep({ order: order(null), committed, record: null, servingBundleId: committed.bundleId }),
    ).toBeUndefined();
    expect(planStep({ order: null, committed: null, record: null, servingBundleId: null })).toBeUndefined();
  });

  it.each([
    ["downloading", "download"],
    ["verifying", "verify"],
    ["installing", "install"],
    ["activating", "activate"],
    ["probing", "probe"],
    ["committing", "commit"],
    ["rolling_back", "rollBack"],
  ] as const)("goes on after a restart where the journal says: %s -> %s", (step, action) => {
    const situation = { order: order("1"), committed, record: record(step), servingBundleId: committed.bundleId };
    expect(planStep(situation)?.action).toBe(action);
  });

  it.each([
    ["downloading", "abandon"],
    ["verifying", "abandon"],
    ["installing", "abandon"],
    ["activating", "rollBack"],
    ["probing", "rollBack"],
    ["committing", "commit"],
  ] as const)("a newer wish undoes what was begun, but never a commit: %s -> %s", (step, action) => {
    for (const newer of [order("2", 2), order(null, 2)]) {
      expect(
        planStep({ order: newer, committed, record: record(step), servingBundleId: committed.bundleId })?.action,
      ).toBe(action);
    }
  });

  it("gives a bundle up that takes the agent down again and again", () => {
    const step = planStep({
      order: order("1"),
      committed,
      record: record("probing", { interruptions: MAXIMUM_INTERRUPTIONS }),
      servingBundleId: committed.bundleId,
    });
    expect(step).toMatchObject({ action: "rollBack", status: "failed", error: { code: "SRT_PROBE_LOOP" } });
  });

  it("tries a committed bundle that does not load again, but lets a newer deployment go first", () => {
    const broken = { committed, servingBundleId: null, servingIsBroken: true };
    const failed = record("done", { status: "failed" });
    expect(planStep({ ...broken, order: order("2", 2), record: failed })?.action).toBe("begin");
    expect(planStep({ ...broken, order: order("1"), record: record("rolling_back") })?.action).toBe("rollBack");
    expect(planStep({ ...broken, order: order("1"), record: failed })?.action).toBe("serve");
  });

  it("never begins the same deployment twice", () => {
    const finished = record("done", { status: "failed" });
    expect(
      planStep({ order: order("1"), committed, record: finished, servingBundleId: committed.bundleId }),
    ).toBeUndefined();
    expect(
      planStep({ order: order("2", 2), committed, record: finished, servingBundleId: committed.bundleId })?.action,
    ).toBe("begin");
  });

  it.each(["waiting", "downloading", "verifying", "installing", "activating", "probing", "rolling_back"] as const)(
    "undoes what no signed order began, by an older release or for a former identity: %s",
    (step) => {
      const unsigned = record(step, { releaseCounter: undefined });
      for (const wanted of [null, order("1"), order("2", 2)])
        expect(
          planStep({ order: wanted, committed, record: unsigned, servingBundleId: committed.bundleId })?.action,
        ).toBe("disown");
      // What has passed its probe already is kept.
      const proved = record("committing", { releaseCounter: undefined });
      expect(planStep({ order: null, committed, record: proved, servingBundleId: null })?.action).toBe("commit");
    },
  );
});
