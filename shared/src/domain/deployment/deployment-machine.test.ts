import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DEPLOYMENT_STATUSES,
  DEPLOYMENT_STEPS,
  type DeploymentStatus,
  TERMINAL_DEPLOYMENT_STATUSES,
} from "../../protocol/index.js";
import {
  type DeploymentEvent,
  type DeploymentState,
  INITIAL_DEPLOYMENT,
  isTerminal,
  planDeployment,
} from "./deployment-machine.js";
import type { DeploymentReport } from "./deployment-report.js";

function report(changes: Partial<DeploymentReport> = {}): DeploymentReport {
  return {
    sequence: 1,
    bootId: "b",
    status: "in_progress",
    step: "downloading",
    progress: null,
    error: null,
    proven: false,
    ...changes,
  };
}
const says = (changes: Partial<DeploymentReport>): DeploymentEvent => ({ type: "reported", report: report(changes) });
const at = (status: DeploymentStatus): DeploymentState => ({ ...INITIAL_DEPLOYMENT, status });

const anyReport: fc.Arbitrary<DeploymentReport> = fc.record({
  sequence: fc.nat(30),
  bootId: fc.constant("b"),
  status: fc.constantFrom(...DEPLOYMENT_STATUSES),
  step: fc.constantFrom(...DEPLOYMENT_STEPS),
  progress: fc.option(fc.record({ doneBytes: fc.nat(), totalBytes: fc.nat() })),
  error: fc.option(fc.record({ code: fc.string(), message: fc.string() })),
  proven: fc.boolean(),
});
const anyEvent: fc.Arbitrary<DeploymentEvent> = fc.oneof(
  { weight: 6, arbitrary: anyReport.map((value): DeploymentEvent => ({ type: "reported", report: value })) },
  fc.constant<DeploymentEvent>({ type: "deadline_passed" }),
  fc.constant<DeploymentEvent>({ type: "canceled", reason: "stop" }),
  fc.constant<DeploymentEvent>({ type: "superseded", byRolloutId: "R2" }),
);
const run = (events: readonly DeploymentEvent[], from: DeploymentState = INITIAL_DEPLOYMENT): DeploymentState =>
  events.reduce((state, event) => planDeployment(state, event).state, from);

describe("a deployment", () => {
  it.each<[DeploymentStatus, string, DeploymentEvent, DeploymentStatus]>([
    ["queued", "the device took it up", says({}), "in_progress"],
    ["queued", "the device says it waits", says({ status: "queued" }), "queued"],
    ["queued", "the device proves success at once", says({ status: "succeeded", proven: true }), "succeeded"],
    ["queued", "the device refuses", says({ status: "rejected" }), "rejected"],
    ["queued", "its deadline passes", { type: "deadline_passed" }, "timed_out"],
    ["queued", "an operator cancels", { type: "canceled", reason: "stop" }, "canceled"],
    ["queued", "a newer rollout comes", { type: "superseded", byRolloutId: "R2" }, "canceled"],
    ["in_progress", "the device claims success without proof", says({ status: "succeeded" }), "in_progress"],
    ["in_progress", "the device proves success", says({ status: "succeeded", proven: true }), "succeeded"],
    ["in_progress", "the device fails", says({ status: "failed" }), "failed"],
    ["in_progress", "an old report says it waits", says({ status: "queued" }), "in_progress"],
    ["in_progress", "its deadline passes", { type: "deadline_passed" }, "timed_out"],
    ["in_progress", "an operator cancels", { type: "canceled", reason: "stop" }, "canceled"],
    ["in_progress", "a newer rollout comes", { type: "superseded", byRolloutId: "R2" }, "canceled"],
  ])("that is %s when %s is %s", (from, _what, event, to) => {
    expect(planDeployment(at(from), event).state.status).toBe(to);
  });

  it("keeps what the device said of step, progress and error", () => {
    const progress = { doneBytes: 5, totalBytes: 9 };
    const error = { code: "SRT_PROBE_FAILED", message: "wrong" };
    const state = run([says({ progress }), says({ sequence: 2, status: "failed", step: "done", error })]);
    expect(state).toEqual({ status: "failed", step: "done", progress, error, reportSequence: 2, reportBootId: "b" });
  });

  it("believes a device that lost its state and counts from the start", () => {
    const state = run([says({ sequence: 9 }), says({ sequence: 0, bootId: "c", step: "probing" })]);
    expect(state).toMatchObject({ step: "probing", reportSequence: 0, reportBootId: "c" });
    expect(run([says({ sequence: 9 }), says({ sequence: 8, step: "probing" })]).step).toBe("downloading");
  });

  it("says where it stood when its time ran out", () => {
    expect(run([{ type: "deadline_passed" }]).error?.message).toContain("never took it up");
    expect(run([says({}), { type: "deadline_passed" }]).error?.message).toContain("step was downloading");
    expect(run([says({ status: "succeeded", step: "done" }), { type: "deadline_passed" }]).error?.message).toContain(
      "never proved",
    );
  });

  it("names the rollout that took its place", () => {
    const { error } = run([{ type: "superseded", byRolloutId: "R2" }]);
    expect(error).toMatchObject({ code: "SRT_DEPLOYMENT_SUPERSEDED", details: { byRolloutId: "R2" } });
  });

  it("has the device's desired state computed anew unless it succeeded", () => {
    const effects = (event: DeploymentEvent) =>
      planDeployment(at("in_progress"), event).effects.map(({ type }) => type);
    expect(effects({ type: "canceled", reason: "stop" })).toEqual(["finished", "replan_device"]);
    expect(effects(says({ status: "succeeded", proven: true }))).toEqual(["finished"]);
    expect(effects(says({}))).toEqual([]);
  });
});

describe("whatever happens to a deployment", () => {
  it("never leaves its end", () => {
    fc.assert(
      fc.property(fc.constantFrom(...TERMINAL_DEPLOYMENT_STATUSES), anyEvent, (status, event) => {
        const state = at(status);
        expect(planDeployment(state, event)).toEqual({ state, effects: [], changed: false });
      }),
    );
  });

  it("is not changed by a repeated message", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 20 }), anyEvent, (events, event) => {
        const once = run([...events, event]);
        expect(planDeployment(once, event)).toEqual({ state: once, effects: [], changed: false });
      }),
    );
  });

  it("ignores reports that a newer one overtook", () => {
    fc.assert(
      fc.property(fc.array(anyReport, { maxLength: 20 }), (reports) => {
        let newest = -1;
        const inOrderOfArrivalWithoutStale = reports.filter(({ sequence, status }) => {
          const fresh = sequence > newest;
          if (fresh && status !== "queued") newest = sequence;
          return fresh;
        });
        const events = (list: readonly DeploymentReport[]): DeploymentEvent[] =>
          list.map((value) => ({ type: "reported", report: value }));
        expect(run(events(reports))).toEqual(run(events(inOrderOfArrivalWithoutStale)));
      }),
    );
  });

  it("succeeds only by a report that proves it", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 30 }), (events) => {
        const proven = events.some(
          (event) => event.type === "reported" && event.report.status === "succeeded" && event.report.proven,
        );
        if (run(events).status === "succeeded") expect(proven).toBe(true);
      }),
    );
  });

  it("finishes exactly once and tells why when it did not succeed", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 30 }), (events) => {
        let state = INITIAL_DEPLOYMENT;
        let finished = 0;
        for (const event of events) {
          const plan = planDeployment(state, event);
          finished += plan.effects.filter(({ type }) => type === "finished").length;
          state = plan.state;
        }
        expect(finished).toBe(isTerminal(state.status) ? 1 : 0);
        expect(state.error !== null).toBe(isTerminal(state.status) && state.status !== "succeeded");
      }),
    );
  });
});
