import type { TuningResult, TuningView } from "@sartor/shared/protocol";
import { bytesText, counted, durationText, percent, runsAs, shortNumber, wrapText } from "./format.js";
import { formatTable } from "./table.js";

/** A tuning for people: what was measured, and what follows from it. */
export function tuningText(tuning: TuningView): string {
  const { report } = tuning;
  const lines = [
    `${tuning.model} ${tuning.version} on ${tuning.deviceId}: ${tuning.status}`,
    wrapText(`Asked for because: ${tuning.reason}`, ""),
  ];
  if (report === null) return [...lines, `${percent(tuning.progress)} done`].join("\n");
  lines.push(
    "",
    formatTable([
      ["CANDIDATE", "OUTCOME", "P50 MS", "P95 MS", "BY INCUMBENT", "RUNS", "MEMORY", "VERIFIED"],
      ...report.results.map((result) => resultRow(result, report.incumbent?.candidateId ?? null)),
    ]),
  );
  for (const { variant, error } of report.results) {
    if (error !== null) lines.push(wrapText(`${variant.name}: ${error.code}: ${error.message}`, "  "));
  }
  lines.push(
    "",
    `${counted(report.totalRuns, "run")} in ${durationText(report.durationMs)}, ${percent(report.cpuShare)} of the device's CPU time`,
  );
  if (report.error !== null) lines.push(wrapText(`${report.error.code}: ${report.error.message}`, ""));
  lines.push(wrapText(verdictText(tuning), ""));
  return lines.join("\n");
}

/** What a tuning led to, in a sentence; what it is doing while it has not ended. */
export function verdictText({ report, rolloutId, status }: TuningView): string {
  const verdict = report?.verdict ?? null;
  if (verdict === null) return status;
  const gain =
    verdict.gain === null
      ? ""
      : `, ${percent(verdict.gain.typical)} faster (95 % interval ${percent(verdict.gain.low)} to ${percent(verdict.gain.high)})`;
  const then = rolloutId === null ? "" : ` Rollout ${rolloutId} brings it.`;
  return `${verdict.decision}${verdict.candidateId === null ? "" : ` ${verdict.candidateId}`}${gain}: ${verdict.reason}${then}`;
}

function resultRow(result: TuningResult, incumbent: string | null): string[] {
  const { ratio } = result;
  const variant = result.variant.name;
  return [
    `${runsAs({ ...result, variant })}${result.candidateId === incumbent ? " (incumbent)" : ""}`,
    result.outcome,
    result.p50Ms === null ? "-" : shortNumber(result.p50Ms),
    result.p95Ms === null ? "-" : shortNumber(result.p95Ms),
    ratio === null ? "-" : `${ratio.typical.toFixed(2)} (${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)})`,
    String(result.runs),
    result.peakMemoryBytes === null ? "-" : bytesText(result.peakMemoryBytes),
    result.providerVerified ? "yes" : "no",
  ];
}
