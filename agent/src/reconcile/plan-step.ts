import type { DesiredState } from "@sartor/shared/protocol";
import type { Committed, DeploymentRecord } from "../ota/index.js";
import type { KeptOrder } from "./kept-order.js";
import type { Step } from "./steps.js";

/** How often a bundle may be found to have taken the agent down during activation before it is given up. */
export const MAXIMUM_INTERRUPTIONS = 3;

/** Both states, as the loop sees them. */
export interface Situation {
  /** The newest order that was verified. */
  readonly order: KeptOrder | null;
  readonly committed: Committed | null;
  readonly record: DeploymentRecord | null;
  /** The bundle that answers requests now; null when none does. */
  readonly servingBundleId: string | null;
  /** The committed bundle failed to load several times: whatever else there is to do comes first. */
  readonly servingIsBroken: boolean;
}

/**
 * Chooses the next step towards the desired state, or undefined when there is nothing to do. Pure and level-triggered: it looks at
 * what is, not at what happened, so it gives the right answer after any crash.
 *
 * The order is: serve what is committed before anything else; finish or undo what was begun; then begin what is wanted.
 * A desired state without deployment wants nothing installed: what runs keeps running. Nothing is installed without a verified order: what was
 * begun without one is undone.
 */
export function planStep({ order, committed, record, servingBundleId, servingIsBroken }: Situation): Step | undefined {
  const desired = order?.desired ?? null;
  const inProgress = record?.status === "in_progress" ? record : undefined;
  const serve: Step | undefined =
    committed !== null && servingBundleId === null && inProgress?.step !== "committing"
      ? { action: "serve", committed }
      : undefined;
  if (serve !== undefined && !servingIsBroken) return serve;
  if (inProgress !== undefined) return planRecord(inProgress, desired);
  const wanted = desired?.deployment ?? null;
  const releaseCounter = order?.releaseCounter ?? null;
  if (wanted !== null && releaseCounter !== null && wanted.deploymentId !== record?.deployment.deploymentId)
    return { action: "begin", deployment: wanted, releaseCounter };
  return serve;
}

function planRecord(record: DeploymentRecord, desired: DesiredState | null): Step {
  if (record.releaseCounter === undefined && record.step !== "committing") return { action: "disown", record };
  const provisional = record.step === "activating" || record.step === "probing";
  if (
    desired !== null &&
    desired.deployment?.deploymentId !== record.deployment.deploymentId &&
    record.step !== "committing"
  ) {
    const error = { code: "SRT_CONFLICT", message: "A newer desired state took this deployment's place." };
    return provisional || record.step === "rolling_back"
      ? { action: "rollBack", record, status: "canceled", error }
      : { action: "abandon", record, error };
  }
  if (provisional && record.interruptions >= MAXIMUM_INTERRUPTIONS) {
    const message = `The agent was found dead ${record.interruptions} times while this bundle was activated or probed.`;
    return { action: "rollBack", record, status: "failed", error: { code: "SRT_PROBE_LOOP", message } };
  }
  switch (record.step) {
    case "waiting":
    case "downloading":
      return { action: "download", record };
    case "verifying":
      return { action: "verify", record };
    case "installing":
      return { action: "install", record };
    case "activating":
      return { action: "activate", record };
    case "probing":
      return { action: "probe", record };
    case "committing":
    case "done":
      return { action: "commit", record };
    case "rolling_back":
      return {
        action: "rollBack",
        record,
        status: "failed",
        error: record.error ?? {
          code: "SRT_PROBE_FAILED",
          message: "The new bundle did not pass its acceptance check.",
        },
      };
  }
}
