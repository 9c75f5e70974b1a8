import type {
  DeploymentStatus,
  DeviceDeploymentView,
  RolloutDetail,
  RolloutStatus,
  RolloutSummary,
} from "@sartor/shared/protocol";
import type { BarPart } from "../components/index.js";
import { toneOf, words } from "../format/index.js";

/** Every status in the order of a deployment's life. A type-only import keeps the schemas out of the page, so it is spelt out. */
const STATUSES: readonly DeploymentStatus[] = [
  "succeeded",
  "in_progress",
  "queued",
  "failed",
  "timed_out",
  "rejected",
  "canceled",
];
const ALWAYS_SHOWN: readonly DeploymentStatus[] = ["succeeded", "in_progress", "queued", "failed"];

/** Counts of a rollout as parts of a bar. Rare statuses appear once they occur. */
export function statusParts(counts: Partial<Record<DeploymentStatus, number>>): BarPart[] {
  return STATUSES.filter((status) => ALWAYS_SHOWN.includes(status) || (counts[status] ?? 0) > 0).map((status) => ({
    name: words(status),
    count: counts[status] ?? 0,
    tone: toneOf(status),
  }));
}

/** Counts deployments by status. */
export function tallyStatuses(deployments: readonly DeviceDeploymentView[]): Partial<Record<DeploymentStatus, number>> {
  const counts: Partial<Record<DeploymentStatus, number>> = {};
  for (const { status } of deployments) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** What live events brought since a rollout was read. */
export interface RolloutChanges {
  readonly summary: RolloutSummary | null;
  readonly deployments: ReadonlyMap<string, DeviceDeploymentView>;
}

/**
 * A rollout as it was read, with live changes on top; of two views of one deployment the newer one stands.
 *
 * @param before what live events had brought when the reading began: what was read is newer, also where no time tells
 */
export function mergeRollout(
  read: RolloutDetail,
  changes: RolloutChanges,
  before: RolloutChanges["deployments"] = new Map(),
): RolloutDetail {
  const known = new Set(read.deployments.map((deployment) => deployment.deploymentId));
  const deployments = read.deployments.map((old) => {
    const fresh = changes.deployments.get(old.deploymentId);
    const isNewer = fresh !== undefined && fresh !== before.get(old.deploymentId) && fresh.updatedAt >= old.updatedAt;
    return isNewer ? fresh : old;
  });
  for (const fresh of changes.deployments.values()) if (!known.has(fresh.deploymentId)) deployments.push(fresh);
  const { summary } = changes;
  // A rollout that has ended never runs again: an event from before the read cannot undo what was read.
  const status: RolloutStatus = summary === null || read.status !== "running" ? read.status : summary.status;
  const finishedAt = read.finishedAt ?? summary?.finishedAt ?? null;
  return { ...read, deployments, status, finishedAt };
}

/** Which rollouts are listed: those that were asked for, or also those that verdicts of tunings made. */
export type OriginView = "asked" | "all";

/** Rollouts by tunings that still leave the list readable. */
const FEW_TUNED = 10;

/** Reads the view out of the address; by default rollouts by tunings are shown until they are many. */
export function originViewOf(text: string | null, tuned: number): OriginView {
  if (text === "all" || text === "asked") return text;
  return tuned > FEW_TUNED ? "asked" : "all";
}

/** The rollouts of a view. */
export function filterOrigin(rollouts: readonly RolloutSummary[], view: OriginView): readonly RolloutSummary[] {
  return view === "all" ? rollouts : rollouts.filter(({ origin }) => origin === "request");
}
