import type { DeploymentStatus, RolloutStatus } from "../../protocol/index.js";

/** How many deployments are in each status; absent means none. */
export type WaveCounts = Readonly<Partial<Record<DeploymentStatus, number>>>;

/**
 * Judges a wave by its deployments. It runs while any is queued or in progress; it failed when any failed, timed out or
 * was rejected; deployments that a newer rollout superseded count neither way, unless nothing else is left.
 */
export function settleWave(counts: WaveCounts): RolloutStatus {
  const of = (...statuses: DeploymentStatus[]): number =>
    statuses.reduce((sum, status) => sum + (counts[status] ?? 0), 0);
  if (of("queued", "in_progress") > 0) return "running";
  if (of("failed", "timed_out", "rejected") > 0) return "failed";
  return of("succeeded") > 0 ? "succeeded" : "canceled";
}
