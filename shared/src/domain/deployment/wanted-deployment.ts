import type { DeploymentStatus } from "../../protocol/index.js";

/** What decides whether a device shall follow a deployment. */
export interface DeploymentCandidate {
  readonly status: DeploymentStatus;
}

/** Statuses of deployments that a device shall follow: under way or proven. */
export const FOLLOWED_STATUSES: readonly DeploymentStatus[] = ["queued", "in_progress", "succeeded"];

/**
 * Chooses what a device shall run: the newest of its deployments that is under way or succeeded. So a canceled, failed or timed-out
 * deployment falls back to the last one that proved itself, and a device that comes back too late does not take up an expired one.
 *
 * @param newestFirst deployments of one device
 * @returns undefined where no bundle is wanted
 */
export function wantedDeployment<T extends DeploymentCandidate>(newestFirst: readonly T[]): T | undefined {
  return newestFirst.find(({ status }) => FOLLOWED_STATUSES.includes(status));
}
