import type { TuningReport, TuningResult, TuningView } from "@sartor/shared/protocol";
import { counted, durationText, percent, runsAs, shortNumber } from "../commands/format.js";

/** What a tuning chose and why, with the measured gain, in one or two lines. */
export function tuningSummary({ report, status }: TuningView): string[] {
  if (report === null || report.verdict === null) {
    return [`the tuning ended without a verdict (${report?.error?.message ?? status})`];
  }
  const { verdict, results, totalRuns, durationMs } = report;
  const chosen = results.find(({ candidateId }) => candidateId === (verdict.candidateId ?? ""));
  const name = chosen === undefined ? "what serves" : runsAs({ ...chosen, variant: chosen.variant.name });
  const verb = { keep: "keeps", switch: "switches to", hold: "stays for now with" }[verdict.decision];
  const measured = results.filter(({ runs }) => runs > 0).length;
  const effort = `${counted(measured, "candidate")} measured, ${counted(totalRuns, "run")} in ${durationText(durationMs)}`;
  return [`this machine ${verb} ${name}: ${verdict.reason}`, `  ${[...gains(report, chosen), effort].join("; ")}`];
}

function gains(report: TuningReport, chosen: TuningResult | undefined): string[] {
  if (chosen?.p50Ms == null) return [];
  const said = [`${shortNumber(chosen.p50Ms)} ms a sign at the median`];
  const { gain } = report.verdict ?? { gain: null };
  if (gain !== null) {
    said.push(
      `${percent(gain.typical)} faster than before (95 % interval ${percent(gain.low)} to ${percent(gain.high)})`,
    );
  }
  const speedup = speedupOverFloat(report, chosen);
  if (speedup !== undefined) said.push(`${speedup.toFixed(2)} times as fast as the best fp32, measured side by side`);
  return said;
}

/** How much less time the chosen candidate needs than the best fp32 one: from rounds that hold both and the incumbent, not from medians. */
function speedupOverFloat(report: TuningReport, chosen: TuningResult): number | undefined {
  const timeOf = ({ candidateId, ratio }: TuningResult): number | undefined =>
    candidateId === report.incumbent?.candidateId ? 1 : ratio?.typical;
  const own = timeOf(chosen);
  const float = report.results
    .filter(({ variant }) => variant.kind === "fp32")
    .map(timeOf)
    .filter((time) => time !== undefined);
  if (chosen.variant.kind === "fp32" || own === undefined || own === 0 || float.length === 0) return undefined;
  return Math.min(...float) / own;
}
