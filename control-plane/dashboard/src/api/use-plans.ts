import type { TailoringPlan, TailoringPlanRequest } from "@sartor/shared/protocol";
import type { VersionKey } from "./tailoring-client.js";
import { useConnection } from "./use-connection.js";
import { type Answer, useMany } from "./use-many.js";

/** Whom a plan is asked for: one device, or the reference hardware of a firmware profile. */
export interface PlanTarget {
  readonly key: string;
  readonly device: TailoringPlanRequest["device"];
}

/** What a plan is asked with besides the target. */
export interface PlanQuestion {
  /** Null while none is chosen: nothing is asked then. */
  readonly version: VersionKey | null;
  readonly policy?: TailoringPlanRequest["policy"];
  /** Another value asks anew, e.g. after variants changed. */
  readonly round?: string;
}

const keyOf = (target: PlanTarget) => target.key;

/** Asks for the plans of several targets; each appears as it comes. */
export function usePlans(
  { version, policy = {}, round = "" }: PlanQuestion,
  targets: readonly PlanTarget[],
): ReadonlyMap<string, Answer<TailoringPlan>> {
  const { client } = useConnection();
  const subject = JSON.stringify([version, policy]);
  return useMany({
    subject,
    round,
    items: version === null ? [] : targets,
    keyOf,
    load: ({ device }, signal) => {
      if (version === null) throw new Error("a plan needs a version");
      return client.tailoring.plan({ ...version, device, policy }, signal);
    },
  });
}
