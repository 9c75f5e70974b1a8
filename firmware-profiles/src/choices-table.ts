import { profileDevice, type ResolvedProfile, toEmulatedInventory } from "@sartor/shared/domain/hardware";
import { kindName, type ModelCard, planTailoring, providerName } from "@sartor/shared/domain/tailoring";
import type { TailoringCandidate, TailoringPlan } from "@sartor/shared/protocol";

/** Plans need an id; a table has no use for one. */
const NO_PLAN = "00000000000000000000000000";
/** The runtime that comes with the agent: ONNX Runtime's CPU provider. */
const SHIPPED = {
  agentVersion: "0.1.0",
  nodeVersion: "v24",
  onnxRuntimeVersion: "1.30.0",
  executionProviders: [{ name: "cpu", bundled: true }],
};

/** Plans a model for the reference device of a profile. "reported": with what comes with the agent; "all": with every engine that fits. */
export function planFor(
  profile: ResolvedProfile,
  profiles: readonly ResolvedProfile[],
  card: ModelCard,
  providers: "reported" | "all",
): TailoringPlan {
  const inventory = {
    ...toEmulatedInventory(profile.id, profile.referenceInventory, { runtime: SHIPPED, collectedAt: 0 }),
    emulated: false,
  };
  const device = profileDevice(inventory, profiles);
  if (device === undefined) throw new Error(`no profile fits the reference device of ${profile.id}`);
  const policy = { forbiddenVariants: [], forbiddenProviders: [] };
  return planTailoring({
    planId: NO_PLAN,
    now: 0,
    inventory,
    device,
    card,
    policy,
    measurements: [],
    availability: { providers },
  });
}

/** A candidate in a few words: "int8 (U8S8) on the CPU, 4 threads". */
export function choiceOf(candidate: TailoringCandidate | undefined): string {
  if (candidate === undefined) return "none";
  const threads = candidate.executionProvider === "cpu" ? `, ${candidate.intraOpThreads} threads` : "";
  const place = providerName(candidate.executionProvider).replace(/^the /, "");
  return `${kindName(candidate.variant.kind)} on ${place}${threads}`.replace(", 1 threads", ", 1 thread");
}

/** Profile by profile: what its device starts with, with what ships and with its own engine, and why; as Markdown. */
export function choicesTable(profiles: readonly ResolvedProfile[], card: ModelCard): string {
  const rows = [...profiles]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((profile) => {
      const shipped = planFor(profile, profiles, card, "reported").candidates[0];
      const engine = planFor(profile, profiles, card, "all").candidates[0];
      const other = choiceOf(engine) === choiceOf(shipped) ? "the same" : choiceOf(engine);
      const reason = (engine ?? shipped)?.reasons[0] ?? "";
      return `| ${profile.title} | ${choiceOf(shipped)} | ${other} | ${reason.replace(/^.*?: /, "")} |`;
    });
  return [
    "| device | starts with, as shipped | with the device's own engine installed | because |",
    "|---|---|---|---|",
    ...rows,
  ].join("\n");
}
