import {
  type DeploymentStatus,
  type DeploymentStep,
  type ReportedError,
  TERMINAL_DEPLOYMENT_STATUSES,
} from "../../protocol/index.js";
import { type MachineTable, type Transition, transition } from "../fsm/index.js";
import type { DeploymentReport } from "./deployment-report.js";

/** How one bundle on one device stands. */
export interface DeploymentState {
  readonly status: DeploymentStatus;
  readonly step: DeploymentStep;
  /** Bytes verified on the device, and of all chunks; null before the device said so. */
  readonly progress: { readonly doneBytes: number; readonly totalBytes: number } | null;
  /** Why it ended without success; null while it runs and after success. */
  readonly error: ReportedError | null;
  /** Sequence of the newest report that was applied; -1 before the first. */
  readonly reportSequence: number;
  /** The agent's run that sent it; null before the first. */
  readonly reportBootId: string | null;
}

/** Where every deployment begins. */
export const INITIAL_DEPLOYMENT: DeploymentState = {
  status: "queued",
  step: "waiting",
  progress: null,
  error: null,
  reportSequence: -1,
  reportBootId: null,
};

/** What can happen to a deployment. */
export type DeploymentEvent =
  | { readonly type: "reported"; readonly report: DeploymentReport }
  /** Its deadline passed; `queued` has one, too. */
  | { readonly type: "deadline_passed" }
  /** An operator canceled its rollout. */
  | { readonly type: "canceled"; readonly reason: string }
  /** A newer rollout wants another bundle on the device. */
  | { readonly type: "superseded"; readonly byRolloutId: string };

/** What follows from a change, for the caller to do. */
export type DeploymentEffect =
  /** The device must learn what it shall do instead: its desired state is to be computed anew. */
  | { readonly type: "replan_device" }
  /** The deployment reached its end. */
  | { readonly type: "finished"; readonly status: DeploymentStatus };

/** The outcome of one event; `changed` is false where it meant nothing. */
export interface DeploymentPlan {
  readonly state: DeploymentState;
  readonly effects: readonly DeploymentEffect[];
  readonly changed: boolean;
}

type To = Transition<DeploymentStatus, DeploymentEffect>;

/** The end of a deployment. After a success the desired state stays as it is; after anything else the device needs another. */
function ended(status: DeploymentStatus): To {
  const finished: DeploymentEffect = { type: "finished", status };
  return { to: status, effects: status === "succeeded" ? [finished] : [finished, { type: "replan_device" }] };
}

/** Only a proven success is one (INSTALLED is not HEALTHY): an unproven one stays in progress until it is proven or its deadline passes. */
function reported({ report }: { readonly report: DeploymentReport }): To | undefined {
  if (report.status === "queued") return undefined;
  if (report.status === "in_progress") return { to: "in_progress" };
  if (report.status === "succeeded" && !report.proven) return { to: "in_progress" };
  return ended(report.status);
}

const live = {
  deadline_passed: ended("timed_out"),
  canceled: ended("canceled"),
  superseded: ended("canceled"),
} as const;

/** A terminal status has no way out. */
const TABLE: MachineTable<DeploymentStatus, DeploymentEvent, DeploymentEffect> = {
  queued: { ...live, reported },
  in_progress: { ...live, reported },
  succeeded: {},
  failed: {},
  timed_out: {},
  rejected: {},
  canceled: {},
};

/** Tells whether a deployment never changes again. */
export function isTerminal(status: DeploymentStatus): boolean {
  return TERMINAL_DEPLOYMENT_STATUSES.includes(status);
}

/**
 * Computes what one event makes of a deployment. Pure. Repeated and overtaken reports change nothing, and neither does
 * anything after the end.
 */
export function planDeployment(state: DeploymentState, event: DeploymentEvent): DeploymentPlan {
  const unchanged: DeploymentPlan = { state, effects: [], changed: false };
  if (event.type === "reported" && isStale(state, event.report)) return unchanged;
  const step = transition(TABLE, state.status, event);
  if (!step.handled) return unchanged;
  return { state: detail(state, event, step.state), effects: step.effects, changed: true };
}

/**
 * A device keeps its sequence over restarts, so a higher one is news. A lower one of another run comes from a device that lost its state and
 * counts from the start; its reports arrive in order, so it is news too.
 */
function isStale(state: DeploymentState, report: DeploymentReport): boolean {
  return report.sequence <= state.reportSequence && report.bootId === state.reportBootId;
}

function detail(state: DeploymentState, event: DeploymentEvent, status: DeploymentStatus): DeploymentState {
  switch (event.type) {
    case "reported": {
      const { report } = event;
      return {
        status,
        step: report.step,
        progress: report.progress ?? state.progress,
        error: isTerminal(status) && status !== "succeeded" ? (report.error ?? unexplained(status)) : null,
        reportSequence: report.sequence,
        reportBootId: report.bootId,
      };
    }
    case "deadline_passed":
      return { ...state, status, error: timedOut(state) };
    case "canceled":
      return { ...state, status, error: { code: "SRT_DEPLOYMENT_CANCELED", message: event.reason } };
    case "superseded":
      return {
        ...state,
        status,
        error: {
          code: "SRT_DEPLOYMENT_SUPERSEDED",
          message: "A newer rollout took this one's place on the device.",
          details: { byRolloutId: event.byRolloutId },
        },
      };
  }
}

function timedOut({ status, step }: DeploymentState): ReportedError {
  const where =
    status === "queued"
      ? "the device never took it up"
      : step === "done"
        ? "the device called it done but never proved that it serves the bundle"
        : `the last reported step was ${step}`;
  return { code: "SRT_DEPLOYMENT_TIMED_OUT", message: `Not finished within the deadline: ${where}.` };
}

function unexplained(status: DeploymentStatus): ReportedError {
  return { code: "SRT_INTERNAL", message: `The device reported ${status} without a reason.` };
}
