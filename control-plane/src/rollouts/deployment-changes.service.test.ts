import { describe, expect, it } from "vitest";
import { EventBus } from "../events/index.js";
import { DeploymentChanges } from "./deployment-changes.service.js";
import type { ChangedDeployment } from "./deployments.repository.js";

const changed = (revision: number, changes: Partial<ChangedDeployment> = {}) =>
  ({
    deploymentId: "d1",
    deviceId: "pi",
    rolloutId: "r1",
    revision,
    status: "in_progress",
    step: "probing",
    ...changes,
  }) as unknown as ChangedDeployment;

async function shownAfter(...told: ChangedDeployment[]): Promise<string[]> {
  const shown: string[] = [];
  const devices = {
    setDeployment: async (_deviceId: string, summary: { deploymentId: string; status: string }) => {
      shown.push(`${summary.deploymentId} ${summary.status}`);
    },
  };
  const database = { batchWriter: () => ({}) };
  const changes = new DeploymentChanges(
    devices as never,
    new EventBus(),
    {} as never,
    database as never,
    {} as never,
    {} as never,
  );
  for (const each of told) await changes.announce([each]);
  return shown;
}

describe("a device's summary", () => {
  it("keeps the later of two changes, in whatever order they are told", async () => {
    const failed = changed(2, { status: "failed" });
    expect(await shownAfter(failed, changed(1))).toEqual(["d1 failed"]);
    expect(await shownAfter(changed(1), failed)).toEqual(["d1 in_progress", "d1 failed"]);
  });

  it("goes on to the newest rollout and never back to an older one", async () => {
    const newer = changed(3, { rolloutId: "r2", deploymentId: "d2", status: "queued" });
    expect(await shownAfter(changed(1), newer, changed(4, { status: "canceled" }))).toEqual([
      "d1 in_progress",
      "d2 queued",
    ]);
  });
});
