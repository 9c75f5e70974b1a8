import type { DesiredDeployment, ReportedError } from "@sartor/shared/protocol";
import type { Committed, DeploymentRecord } from "../ota/index.js";

/**
 * Everything the reconcile loop can do, as data: a typed map from action to arguments. The planner chooses one, an executor
 * performs it, then both states are read again.
 */
export interface StepArguments {
  /** Starts serving the committed bundle. */
  serve: { readonly committed: Committed };
  /** Opens a deployment: journal only. */
  begin: { readonly deployment: DesiredDeployment; readonly releaseCounter: number };
  /** Undoes and forgets a deployment that no verified order of this identity began. */
  disown: { readonly record: DeploymentRecord };
  /** Goes on with the deployment in hand at the step its journal names. */
  download: { readonly record: DeploymentRecord };
  verify: { readonly record: DeploymentRecord };
  install: { readonly record: DeploymentRecord };
  activate: { readonly record: DeploymentRecord };
  probe: { readonly record: DeploymentRecord };
  commit: { readonly record: DeploymentRecord };
  /** Undoes a provisional activation and ends the deployment. */
  rollBack: {
    readonly record: DeploymentRecord;
    readonly status: "failed" | "canceled";
    readonly error: ReportedError;
  };
  /** Ends a deployment that changed nothing yet. */
  abandon: { readonly record: DeploymentRecord; readonly error: ReportedError };
}

export type StepAction = keyof StepArguments;

/** One step, ready to be performed. */
export type Step = { [A in StepAction]: { readonly action: A } & StepArguments[A] }[StepAction];
