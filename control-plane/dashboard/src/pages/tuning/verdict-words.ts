import type { TuningResult, TuningVerdict } from "@sartor/shared/protocol";
import { formatGain } from "../../format/index.js";

/** What a tuning found, in one sentence; the device's own reason stands beside it. */
export function verdictWords({
  decision,
  candidateId,
  gain,
}: Pick<TuningVerdict, "decision" | "candidateId" | "gain">): string {
  if (candidateId === null) return "No change: no candidate is fit to run instead of what is served.";
  const faster =
    gain === null
      ? "is faster"
      : `takes ${formatGain(gain.typical)} less time (between ${formatGain(gain.low)} and ${formatGain(gain.high)})`;
  if (decision === "switch") return `Switch: ${candidateId} ${faster}.`;
  if (decision === "hold") return `Wait: ${candidateId} ${faster}, but the last switch is too recent.`;
  return `Keep ${candidateId}: nothing measured is enough faster.`;
}

/** What became of a candidate, for people. */
export function outcomeWords({ outcome, golden, error }: Pick<TuningResult, "outcome" | "golden" | "error">): string {
  if (outcome === "measured") return "measured to the end";
  if (outcome === "eliminated") return "dropped: slower on the way";
  if (outcome === "not_reached") return "not reached in time";
  if (error !== null) return `not fit: ${error.message}`;
  return golden?.passed === false ? "not fit: its answers differ" : "not fit to run";
}
