import type { RuledOut, TailoringCandidate, TailoringPlan } from "@sartor/shared/protocol";
import { bytesText, percent, runsAs, shortNumber, wrapText } from "./format.js";

/** Most lines about what was ruled out; the rest is counted. */
const MOST_RULED_OUT = 24;

/** A tailoring plan for people: candidates with their reasons, what was ruled out and why, what else would be possible. */
export function planText(plan: TailoringPlan): string {
  const lines = [
    `${plan.model} ${plan.version} on ${plan.profiles.map(({ title }) => title).join(" with ")} (${plan.deviceType})`,
  ];
  if (plan.generic) lines.push("No firmware profile knows this hardware: only what is safe everywhere is planned.");
  lines.push(wrapText(plan.summary, ""), "");
  for (const candidate of plan.candidates) lines.push(...candidateLines(candidate));
  if (plan.ruledOut.length > 0) lines.push("", "Ruled out", ...ruledOutLines(plan.ruledOut));
  if (plan.unlocks.length > 0) {
    lines.push("", "Another runtime would open up");
    for (const { executionProvider, adapter, text } of plan.unlocks) {
      lines.push(wrapText(`${executionProvider} by ${adapter}: ${text}`, "  "));
    }
  }
  if (plan.notes.length > 0) lines.push("", "Good to know", ...plan.notes.map((note) => wrapText(note, "  ")));
  return lines.join("\n");
}

function candidateLines(candidate: TailoringCandidate): string[] {
  const { predicted, accuracy, powerMode } = candidate;
  const { low, typical, high } = predicted.latencyMs;
  const facts = [
    `${shortNumber(typical)} ms ${predicted.basis}${low === high ? "" : ` (${shortNumber(low)} to ${shortNumber(high)})`}`,
    ...(predicted.p95Ms === undefined ? [] : [`p95 ${shortNumber(predicted.p95Ms)} ms`]),
    `${bytesText(predicted.memoryBytes)} memory`,
    ...(predicted.powerMilliwatts === undefined ? [] : [`${shortNumber(predicted.powerMilliwatts / 1000)} W`]),
    ...(accuracy === undefined ? [] : [`${percent(accuracy)} accuracy`]),
    ...(powerMode === undefined ? [] : [`power mode ${powerMode.name}`]),
  ];
  const variant = candidate.variant.name;
  return [
    `${candidate.rank}. ${runsAs({ ...candidate, variant })}:`,
    wrapText(`${facts.join(", ")}.`, "     "),
    ...candidate.reasons.map((reason) => wrapText(reason, "     ")),
    ...candidate.warnings.map((warning) => wrapText(`Beware: ${warning}`, "     ")),
  ];
}

function ruledOutLines(ruledOut: readonly RuledOut[]): string[] {
  const outranked = ruledOut.filter(({ code }) => code === "outranked").length;
  const told = ruledOut.filter(({ code }) => code !== "outranked");
  const lines = told.slice(0, MOST_RULED_OUT).map(({ variant, executionProvider, intraOpThreads, reason }) => {
    const threads = intraOpThreads === undefined ? "" : ` with ${intraOpThreads} threads`;
    return wrapText(`${variant.name} on ${executionProvider}${threads}: ${reason}`, "  ");
  });
  if (told.length > MOST_RULED_OUT) lines.push(`  and ${told.length - MOST_RULED_OUT} more (--json shows all)`);
  if (outranked > 0) lines.push(`  ${outranked} further ways to run it are expected to be slower than those above`);
  return lines;
}
