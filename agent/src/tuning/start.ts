import type { ReportedTuning, TuningEnvironment, TuningOrder, TuningReport } from "@sartor/shared/protocol";
import type { TuningRecord } from "./record.js";

export type Trigger = TuningReport["trigger"];

/** How often a tuner that waits looks again, ms. */
const POLL_MS = 5_000;
const IDLE_MS = 60_000;
/** A changed environment must stay as it is for this long, ms: a power mode that is being tried out asks for nothing. */
const DEBOUNCE_MS = 60_000;
/** A changed environment asks for a tuning this often at most, ms. */
const SHORTEST_REPEAT_MS = 3_600_000;

export interface StartInput {
  readonly order: TuningOrder | null;
  readonly finished: TuningRecord["finished"];
  readonly environment: TuningEnvironment | undefined;
  /** It differs from the one that the finished tuning was made in. */
  readonly environmentChanged: boolean;
  /** How long it has been as it is, ms. */
  readonly environmentAgeMs: number;
  /** By the wall clock, which may have been set back, ms. */
  readonly sinceFinishedMs: number;
  readonly mayMeasure: boolean;
  /** How long a failed attempt asks to wait, ms. */
  readonly notBeforeMs: number;
}

export interface StartPlan {
  /** Present when an attempt is due. */
  readonly start?: Trigger;
  /** Else how long to wait before looking again, ms. */
  readonly waitMs: number;
  /** What to show meanwhile. */
  readonly step?: ReportedTuning["step"];
}

/** Decides whether a tuning is due: level-triggered, so that it does not matter which change was noticed and which was missed. */
export function planStart(is: StartInput): StartPlan {
  if (is.order === null) return { waitMs: IDLE_MS };
  const isRepeat = is.finished?.tuningId === is.order.tuningId;
  if (is.environment === undefined)
    return isRepeat ? { waitMs: POLL_MS, step: "done" } : { waitMs: POLL_MS, step: "waiting" };
  if (isRepeat) {
    if (!is.environmentChanged) return { waitMs: IDLE_MS, step: "done" };
    const tooSoon = is.sinceFinishedMs >= 0 ? SHORTEST_REPEAT_MS - is.sinceFinishedMs : 0;
    const wait = Math.max(DEBOUNCE_MS - is.environmentAgeMs, tooSoon);
    if (wait > 0) return { waitMs: Math.min(wait, IDLE_MS), step: "done" };
  }
  if (is.notBeforeMs > 0) return { waitMs: is.notBeforeMs, step: "waiting" };
  if (!is.mayMeasure) return { waitMs: POLL_MS, step: "waiting" };
  return { start: isRepeat ? "environment_changed" : "ordered", waitMs: 0 };
}
