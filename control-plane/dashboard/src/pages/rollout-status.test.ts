import type { DeviceDeploymentView, RolloutDetail } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { filterOrigin, mergeRollout, originViewOf, statusParts, tallyStatuses } from "./rollout-status.js";

function deployment(id: string, changes: Partial<DeviceDeploymentView> = {}): DeviceDeploymentView {
  return {
    deploymentId: id,
    rolloutId: "R",
    deviceId: `device-${id}`,
    deviceName: id,
    emulated: false,
    bundleId: "sha256:00",
    tailoring: null,
    wave: 1,
    status: "queued",
    step: "waiting",
    progress: null,
    error: null,
    held: null,
    queuedAt: 0,
    updatedAt: 10,
    deadlineAt: 100,
    ...changes,
  };
}

function rollout(deployments: DeviceDeploymentView[], changes: Partial<RolloutDetail> = {}): RolloutDetail {
  const counts = { queued: 0, in_progress: 0, succeeded: 0, failed: 0, timed_out: 0, rejected: 0, canceled: 0 };
  const base = {
    rolloutId: "R",
    name: "r",
    model: "m",
    version: "1.0.0",
    origin: "request" as const,
    createdAt: 0,
    finishedAt: null,
    counts,
  };
  return { ...base, status: "running", deployments, ...changes };
}

const changesOf = (...deployments: DeviceDeploymentView[]) => ({
  summary: null,
  deployments: new Map(deployments.map((each) => [each.deploymentId, each])),
});

describe("a rollout's progress on the page", () => {
  it("moves on with live changes", () => {
    const merged = mergeRollout(
      rollout([deployment("A")]),
      changesOf(deployment("A", { status: "succeeded", updatedAt: 11 })),
    );
    expect(tallyStatuses(merged.deployments)).toEqual({ succeeded: 1 });
  });

  it("is not set back by a change that is older than what was read", () => {
    const read = rollout([deployment("A", { status: "failed", updatedAt: 20 })], { status: "failed", finishedAt: 20 });
    const summary = { ...read, status: "running" as const, finishedAt: null };
    const merged = mergeRollout(read, {
      ...changesOf(deployment("A", { status: "in_progress", updatedAt: 15 })),
      summary,
    });
    expect(merged.deployments[0]?.status).toBe("failed");
    expect(merged.status).toBe("failed");
  });

  it("shows that an order is held though no live change told of it, and what live changes brought later", () => {
    const held = { code: "SRT_TRUST_UNSIGNED", message: "not signed" };
    const early = changesOf(deployment("A"));
    const read = rollout([deployment("A", { held })]);
    expect(mergeRollout(read, early, early.deployments).deployments[0]?.held).toEqual(held);
    const later = changesOf(deployment("A"));
    expect(mergeRollout(read, later, early.deployments).deployments[0]?.held).toBeNull();
  });

  it("shows a deployment that was added after the rollout was read", () => {
    const merged = mergeRollout(rollout([deployment("A")]), changesOf(deployment("B")));
    expect(merged.deployments.map((each) => each.deploymentId)).toEqual(["A", "B"]);
  });

  it("always names the usual statuses and rare ones once they occur", () => {
    expect(statusParts({}).map((part) => part.name)).toEqual(["succeeded", "in progress", "queued", "failed"]);
    expect(statusParts({ timed_out: 2 }).map((part) => part.name)).toContain("timed out");
  });

  it("lists rollouts by tunings as long as they are few, then only on demand", () => {
    const asked = rollout([]);
    const tuned = rollout([], { rolloutId: "T", origin: "tuning" });
    expect(filterOrigin([asked, tuned], originViewOf(null, 1))).toEqual([asked, tuned]);
    expect(filterOrigin([asked, tuned], originViewOf(null, 200))).toEqual([asked]);
    expect(filterOrigin([asked, tuned], originViewOf("all", 200))).toEqual([asked, tuned]);
    expect(filterOrigin([asked, tuned], originViewOf("asked", 1))).toEqual([asked]);
  });
});
