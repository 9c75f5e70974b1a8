import { describe, expect, it } from "vitest";
import { type ReportedState, reportedSchema } from "../../protocol/index.js";
import { deploymentReportOf } from "./deployment-report.js";
import { wantedDeployment } from "./wanted-deployment.js";

const NEW = `sha256:${"a".repeat(64)}`;
const OLD = `sha256:${"b".repeat(64)}`;
const DEPLOYMENT = { deploymentId: "01HZZZZZZZZZZZZZZZZZZZZZZZ", bundleId: NEW };

function reported(changes: Partial<ReportedState> = {}): ReportedState {
  const slot = { slot: "a", bundleId: NEW, model: "m", version: "1.0.0", variant: "fp32", installedAt: 1 };
  return reportedSchema.parse({
    schemaVersion: 1,
    deviceId: "device-1",
    at: 1,
    sequence: 7,
    generation: 1,
    agent: { version: "0", bootId: "b", startedAt: 1 },
    slots: { active: slot, inactive: null },
    deployment: { ...DEPLOYMENT, status: "succeeded", step: "done", attempt: 1 },
    serving: { state: "ready", bundleId: NEW },
    outbox: { queued: 0, droppedTelemetry: 0 },
    ...changes,
  });
}

describe("a success that a device reports", () => {
  it("is proven by the bundle in its active slot that serves", () => {
    expect(deploymentReportOf(reported(), DEPLOYMENT)).toMatchObject({
      status: "succeeded",
      proven: true,
      sequence: 7,
    });
  });

  it.each<[string, Partial<ReportedState>]>([
    ["nothing serves", { serving: { state: "none" } }],
    ["it is only starting", { serving: { state: "starting", bundleId: NEW } }],
    ["another bundle serves", { serving: { state: "ready", bundleId: OLD } }],
    ["its slot is empty", { slots: { active: null, inactive: null } }],
  ])("is not proven when %s", (_what, changes) => {
    expect(deploymentReportOf(reported(changes), DEPLOYMENT)).toMatchObject({ status: "succeeded", proven: false });
  });

  it("is not proven while it serves with other threads than it was told to", () => {
    const serves = (intraOpThreads: number) => reported({ serving: { state: "ready", bundleId: NEW, intraOpThreads } });
    const ordered = { ...DEPLOYMENT, intraOpThreads: 2 };
    expect(deploymentReportOf(serves(4), ordered)?.proven).toBe(false);
    expect(deploymentReportOf(serves(2), ordered)?.proven).toBe(true);
    expect(deploymentReportOf(serves(4), DEPLOYMENT)?.proven).toBe(true);
    expect(deploymentReportOf(reported(), ordered)?.proven).toBe(true);
  });

  it("says nothing about another deployment or another bundle", () => {
    expect(deploymentReportOf(reported({ deployment: null }), DEPLOYMENT)).toBeUndefined();
    expect(deploymentReportOf(reported(), { ...DEPLOYMENT, bundleId: OLD })).toBeUndefined();
    expect(
      deploymentReportOf(reported(), { ...DEPLOYMENT, deploymentId: "01HZZZZZZZZZZZZZZZZZZZZZZ0" }),
    ).toBeUndefined();
  });
});

describe("what a device shall run", () => {
  const list = (...statuses: ("queued" | "in_progress" | "succeeded" | "failed" | "canceled" | "timed_out")[]) =>
    statuses.map((status, index) => ({ status, index }));

  it("is the newest deployment under way", () => {
    expect(wantedDeployment(list("queued", "succeeded"))?.index).toBe(0);
  });

  it("is the last proven one after newer ones failed, were canceled or ran out of time", () => {
    expect(wantedDeployment(list("failed", "canceled", "timed_out", "succeeded", "succeeded"))?.index).toBe(3);
  });

  it("is nothing before the first", () => {
    expect(wantedDeployment([])).toBeUndefined();
    expect(wantedDeployment(list("failed"))).toBeUndefined();
  });
});
