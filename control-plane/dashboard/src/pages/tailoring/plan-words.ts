import type {
  ExecutionProviderName,
  PREDICTION_BASES,
  RuledOut,
  RuleOutCode,
  TailoringCandidate,
  TailoringPlan,
} from "@sartor/shared/protocol";
import { formatMilliseconds, plural } from "../../format/index.js";

const PROVIDERS: Readonly<Record<ExecutionProviderName, string>> = {
  cpu: "CPU",
  cuda: "NVIDIA GPU (CUDA)",
  tensorrt: "NVIDIA GPU (TensorRT)",
  openvino: "Intel (OpenVINO)",
};

/** What runs the model, for people. */
export function providerWords(provider: string): string {
  return (PROVIDERS as Readonly<Record<string, string>>)[provider] ?? provider;
}

type Basis = (typeof PREDICTION_BASES)[number];

const BASES: Readonly<Record<Basis, { readonly word: string; readonly hint: string }>> = {
  measured: { word: "measured", hint: "Devices of this type measured exactly this." },
  calibrated: {
    word: "adjusted",
    hint: "An estimate, corrected by what devices of this type measured with other settings.",
  },
  estimated: { word: "estimated", hint: "By rules from the hardware profile; nothing was measured yet." },
};

/** How well a prediction is founded. */
export function basisWords(basis: string): { readonly word: string; readonly hint: string } {
  return (BASES as Readonly<Record<string, { word: string; hint: string }>>)[basis] ?? { word: basis, hint: "" };
}

/** Execution provider and threads, of whatever carries them. */
export interface Place {
  readonly executionProvider: string;
  readonly intraOpThreads: number;
  readonly sessionConfig?: Readonly<Record<string, string>>;
}

/** Where a candidate runs: "CPU, 4 threads"; "spinning" where they stay awake between two pieces of work. */
export function placeWords({ executionProvider, intraOpThreads, sessionConfig }: Place): string {
  const where = providerWords(executionProvider);
  if (executionProvider !== "cpu") return where;
  const spinning = sessionConfig?.["session.intra_op.allow_spinning"] === "1" ? ", spinning" : "";
  return `${where}, ${plural(intraOpThreads, "thread", "threads")}${spinning}`;
}

/** Expected latency: "3.2 ms", or a range where it is no measurement. */
export function latencyWords({ predicted }: Pick<TailoringCandidate, "predicted">): string {
  const { low, typical, high } = predicted.latencyMs;
  if (predicted.basis === "measured" || low === high) return formatMilliseconds(typical);
  return `${formatMilliseconds(typical)} (${formatMilliseconds(low)} to ${formatMilliseconds(high)})`;
}

const RULE_OUTS: Readonly<Record<RuleOutCode, string>> = {
  forbidden_by_policy: "Not allowed by your limits",
  wrong_format: "In a format that this runtime does not take",
  never_on_this_device: "Never good on this hardware",
  provider_not_installed: "Needs software that is not installed",
  not_for_this_model: "Does not suit this kind of network",
  accuracy_too_low: "Loses too much accuracy",
  accuracy_unknown: "Accuracy was not measured",
  too_slow: "Too slow",
  too_much_memory: "Takes too much memory",
  too_much_power: "Takes too much power",
  outranked: "Fit to run, but others come first",
};
const ORDER = Object.keys(RULE_OUTS);

/** What was ruled out for one kind of reason. */
export interface RuledOutGroup {
  readonly code: string;
  readonly title: string;
  readonly entries: readonly RuledOut[];
}

/** What was ruled out, grouped by the kind of reason: the reader's own limits first, what merely came later last. */
export function groupRuledOut(ruledOut: readonly RuledOut[]): RuledOutGroup[] {
  const groups = new Map<string, RuledOut[]>();
  for (const entry of ruledOut) groups.set(entry.code, [...(groups.get(entry.code) ?? []), entry]);
  const place = (code: string) => (ORDER.includes(code) ? ORDER.indexOf(code) : ORDER.length);
  return [...groups]
    .sort(([left], [right]) => place(left) - place(right))
    .map(([code, entries]) => ({ code, title: RULE_OUTS[code as RuleOutCode] ?? code.replaceAll("_", " "), entries }));
}

/** The candidate that a device gets: the first of its plan. */
export function chosenOf(plan: TailoringPlan | null | undefined): TailoringCandidate | undefined {
  return plan?.candidates[0];
}
