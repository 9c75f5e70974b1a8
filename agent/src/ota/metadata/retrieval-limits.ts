import { TRUST_LIMITS } from "@sartor/shared/protocol";
import { type MinimumRate, SLOWEST_DELIVERY } from "../../platform/index.js";

/** When a download counts as too slow. There is no limit on the whole: a slow, honest line is normal. */
export interface RetrievalLimits {
  /** The download is given up when no byte arrives for this long, ms. */
  readonly idleTimeoutMs: number;
  /** Below it, somebody holds the device up ("slow retrieval", TUF specification 1.0, 1.5.2). */
  readonly minimumRate: MinimumRate;
}

/** What is small and awaited: half a minute of silence ends it. */
export const RETRIEVAL_LIMITS: RetrievalLimits = { idleTimeoutMs: 30_000, minimumRate: SLOWEST_DELIVERY };

/** Most bytes of a role's metadata that are accepted, whatever a signed length says. */
export function largestMetadata(role: string): number {
  if (role === "root") return TRUST_LIMITS.rootBytes;
  if (role === "timestamp") return TRUST_LIMITS.timestampBytes;
  return role === "snapshot" ? TRUST_LIMITS.snapshotBytes : TRUST_LIMITS.targetsBytes;
}
