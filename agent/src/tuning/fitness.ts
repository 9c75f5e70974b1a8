import { SartorError } from "@sartor/shared/errors";
import type { TuningCandidate } from "@sartor/shared/protocol";
import type { CandidateSession } from "./ports.js";

/** ONNX Runtime names a provider "cpu" in options and "CPUExecutionProvider" in profiles. */
const providerKey = (name: string) => name.replace(/ExecutionProvider$/, "").toLowerCase();

/** True when the profiler's trace shows that the provider asked for ran at least part of the graph. */
export function providerRan(candidate: TuningCandidate, session: CandidateSession): boolean {
  return session.executionProviders.map(providerKey).includes(providerKey(candidate.executionProvider));
}

/**
 * Decides whether a loaded candidate may be chosen at all. Fast and wrong is not an answer, and neither is a silent fall-back to another
 * provider.
 *
 * @returns undefined when it may, else the error that says why not
 */
export function judgeFitness(candidate: TuningCandidate, session: CandidateSession): SartorError | undefined {
  if (!providerRan(candidate, session)) {
    const ran = session.executionProviders.join(", ") || "none";
    return new SartorError(
      "SRT_PROVIDER_UNAVAILABLE",
      `The candidate asks for the provider ${candidate.executionProvider}; the graph ran on ${ran}.`,
    );
  }
  const { golden } = session;
  if (golden.passed) return undefined;
  return new SartorError(
    "SRT_PROBE_FAILED",
    `The golden vectors do not hold: largest error ${golden.largestAbsoluteError}, first class agrees in ${(100 * golden.topOneAgreement).toFixed(1)} %.`,
  );
}
