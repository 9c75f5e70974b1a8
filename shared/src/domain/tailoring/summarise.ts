import type { RuledOut, RuleOutCode, TailoringCandidate, TailoringPlan } from "../../protocol/index.js";
import type { DeviceCapabilities } from "../hardware/index.js";
import type { PricedOption } from "./rank-options.js";
import { counted, kindName, milliseconds, providerName, variantName } from "./wording.js";

/** Codes that stand for a limit of the policy or of the device, in the order in which a person would loosen them, with what to do. */
const REMEDIES: readonly (readonly [RuleOutCode, string])[] = [
  ["too_slow", "allow a higher latency or use a smaller model"],
  ["too_much_memory", "allow more memory or use a smaller model"],
  ["too_much_power", "allow more power"],
  ["accuracy_too_low", "lower the accuracy that is demanded, or calibrate or retrain"],
  ["accuracy_unknown", "evaluate the variants"],
  ["provider_not_installed", "install what the execution provider needs"],
  ["forbidden_by_policy", "take a variant or an execution provider off the forbidden ones"],
  ["never_on_this_device", "build a variant that this device can run"],
  ["not_for_this_model", "build a variant that fits this kind of network"],
  ["wrong_format", "build a variant that this device can run"],
];

function impossible(ruledOut: readonly RuledOut[]): string {
  const counts = REMEDIES.map(([code, remedy]) => ({
    remedy,
    entries: ruledOut.filter((entry) => entry.code === code),
  })).filter(({ entries }) => entries.length > 0);
  const example = counts[0]?.entries[0];
  if (example === undefined) return "The model has no variant to run.";
  const threads = example.intraOpThreads === undefined ? "" : ` with ${counted(example.intraOpThreads, "thread")}`;
  const what = `${kindName(example.variant.kind)} on ${providerName(example.executionProvider)}${threads}`;
  const ways = counts.map(({ remedy }) => remedy).join("; or ");
  return `No candidate holds the policy on this device. Nearest was ${what}: ${example.reason} What would help: ${ways}.`;
}

/** The plan in two sentences. */
export function summarise(
  candidates: readonly TailoringCandidate[],
  ruledOut: readonly RuledOut[],
  capabilities: DeviceCapabilities,
): string {
  const generic = capabilities.generic
    ? "No firmware profile knows this hardware, so only what is safe everywhere was considered. "
    : "";
  const emulated = capabilities.emulated ? "The device is emulated: it only pretends to be this hardware. " : "";
  const first = candidates[0];
  if (first === undefined) return `${generic}${emulated}${impossible(ruledOut)}`;
  const { predicted } = first;
  const threads = first.executionProvider === "cpu" ? ` with ${counted(first.intraOpThreads, "thread")}` : "";
  const known =
    predicted.basis === "measured"
      ? `${counted(predicted.devices, "device")} of this type measured ${milliseconds(predicted.latencyMs.typical)}`
      : `${milliseconds(predicted.latencyMs.typical)} expected, to be measured`;
  const rest = candidates.length === 1 ? "" : ` ${counted(candidates.length - 1, "other candidate")} to compare with.`;
  return `${generic}${emulated}First choice: ${variantName(first.variant)} on ${providerName(first.executionProvider)}${threads}; ${known}.${rest}`;
}

/** What each execution provider that is not installed would bring, best first; only where it promises to be faster. */
export function unlockedBy(locked: readonly PricedOption[], best: PricedOption | undefined): TailoringPlan["unlocks"] {
  const seen = new Set<string>();
  return locked.flatMap(({ option, predicted }) => {
    const { name, adapter, needs } = option.provider.facts;
    const { low, typical, high } = predicted.latencyMs;
    const now = best?.predicted.latencyMs.typical;
    if (seen.has(name) || (now !== undefined && typical >= now)) return [];
    seen.add(name);
    const instead = now === undefined ? "" : ` instead of ${milliseconds(now)}`;
    const text = `With ${needs ?? adapter}, ${kindName(option.variant.kind)} on ${providerName(name)} is expected to take ${milliseconds(typical)} (${milliseconds(low)} to ${milliseconds(high)})${instead}.`;
    return [{ executionProvider: name, adapter, text }];
  });
}
