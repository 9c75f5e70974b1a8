import type {
  Inventory,
  RuledOut,
  TailoringCandidate,
  TailoringPlan,
  TailoringPolicy,
  TuningMeasurement,
} from "../../protocol/index.js";
import {
  type CapabilityOptions,
  type DeviceCapabilities,
  type DeviceProfiles,
  deviceCapabilities,
} from "../hardware/index.js";
import { type Evidence, gatherEvidence, SPINNING } from "./evidence.js";
import { explain } from "./explain.js";
import { baselineOf, type ModelCard } from "./model-card.js";
import { judgePower, type PowerVerdict } from "./power-limit.js";
import { calibrate, type Option, optionKey, predictCost } from "./predict-cost.js";
import { orderOptions, type PricedOption, pickCandidates } from "./rank-options.js";
import { precisionOf, refuseCost, refuseVariant } from "./rule-out.js";
import { summarise, unlockedBy } from "./summarise.js";
import { threadChoices } from "./thread-choices.js";
import { counted } from "./wording.js";

export interface TailoringInput {
  readonly planId: string;
  /** Now, ms since 1970. */
  readonly now: number;
  readonly inventory: Inventory;
  /** What the device is: `profileDevice(inventory, profiles)`. */
  readonly device: DeviceProfiles;
  readonly card: ModelCard;
  readonly policy: TailoringPolicy;
  /** Of any device; those that say nothing of this one are left out. */
  readonly measurements: readonly TuningMeasurement[];
  readonly availability?: CapabilityOptions;
}

/** Spinning threads burn power while they wait: off under a limit on power (measured: a third less CPU a run at two threads). */
const FRUGAL = { "session.intra_op.allow_spinning": "0" };

interface Context {
  readonly input: TailoringInput;
  readonly capabilities: DeviceCapabilities;
  readonly evidence: ReadonlyMap<string, Evidence>;
  readonly power: PowerVerdict;
}

/** Every way to run the model that nothing is said against before its cost is known, and what was ruled out on the way. */
function listOptions({ input, capabilities, evidence, power }: Context): { options: Option[]; ruledOut: RuledOut[] } {
  const { card, policy } = input;
  const baseline = baselineOf(card);
  // In the power mode that the device has to change to, more threads than cores would wait for each other.
  const online = power.kind === "switch" ? power.mode.onlineCores : undefined;
  const maximumThreads = Math.min(policy.maximumThreads ?? 256, online ?? 256);
  const options: Option[] = [];
  const ruledOut: RuledOut[] = [];
  for (const provider of capabilities.providers) {
    for (const variant of card.variants) {
      const name = provider.facts.name;
      const precision = precisionOf(capabilities, variant.kind, name);
      const refusal = refuseVariant(variant, name, precision, card, policy);
      if (refusal !== undefined || precision === undefined) {
        if (refusal !== undefined) ruledOut.push({ ...named(variant, name), ...refusal });
        continue;
      }
      const choices = threadChoices(provider, variant.name, capabilities, evidence, maximumThreads);
      for (const threads of choices) {
        const option = { variant, provider, precision, threads, baseline: variant.name === baseline?.name };
        options.push({ ...option, spinning: false });
        if (maySpin(option, policy)) options.push({ ...option, spinning: true });
      }
    }
  }
  return { options, ruledOut };
}

/** Spinning needs a second thread to wait for, and costs power. */
const maySpin = ({ provider, threads }: Pick<Option, "provider" | "threads">, policy: TailoringPolicy): boolean =>
  threads > 1 && provider.facts.throughput.scale === "thread" && policy.maximumPowerMilliwatts === undefined;

const named = (variant: Option["variant"], executionProvider: RuledOut["executionProvider"]) => ({
  variant: { name: variant.name, kind: variant.kind },
  executionProvider,
});

const withThreads = ({ variant, provider, threads }: Option) => ({
  ...named(variant, provider.facts.name),
  ...(provider.facts.throughput.scale === "device" ? {} : { intraOpThreads: threads }),
});

/** Prices every option and parts those that the device can run now from those that another adapter would open up. */
function priceOptions(context: Context, options: readonly Option[]) {
  const { input, capabilities, evidence, power } = context;
  const calibration = calibrate(options, evidence, input.card, capabilities);
  const priced: PricedOption[] = [];
  const locked: PricedOption[] = [];
  const refused: { readonly entry: RuledOut; readonly distance: number }[] = [];
  for (const option of options) {
    const predicted = predictCost(option, input.card, capabilities, evidence, calibration);
    const refusal = refuseCost(predicted, option.provider, input.policy, power);
    if (refusal !== undefined) {
      // Unmeasured, an option that spins is refused for what its twin is refused for: that is said once.
      if (option.spinning && predicted.basis !== "measured") continue;
      const distance =
        refusal.code === "too_much_memory" ? predicted.memoryBytes : (predicted.p95Ms ?? predicted.latencyMs.low);
      refused.push({ entry: { ...withThreads(option), ...refusal }, distance });
    } else (option.provider.installed ? priced : locked).push({ option, predicted });
  }
  // What came nearest to the limit stands first: the summary names it.
  const ruledOut = refused.sort((a, b) => a.distance - b.distance).map(({ entry }) => entry);
  const missing = new Map(locked.map(({ option }) => [`${option.variant.name} ${option.provider.facts.name}`, option]));
  for (const { variant, provider } of missing.values()) {
    const needs = provider.facts.needs ?? "a runtime that offers it; the one on the device lists none";
    const reason = `The device's runtime does not offer it now: it needs ${needs}.`;
    ruledOut.push({ ...named(variant, provider.facts.name), code: "provider_not_installed", reason });
  }
  return { priced, locked, ruledOut };
}

function toCandidate(priced: PricedOption, rank: number, context: Context): TailoringCandidate {
  const { input, capabilities, evidence, power } = context;
  const { option, predicted } = priced;
  const { card, policy } = input;
  const frugal = policy.maximumPowerMilliwatts !== undefined && option.threads > 1;
  const measuredPower = predicted.powerMilliwatts !== undefined;
  return {
    rank,
    variant: { name: option.variant.name, kind: option.variant.kind },
    executionProvider: option.provider.facts.name,
    adapter: option.provider.facts.adapter,
    intraOpThreads: option.threads,
    sessionConfig: {
      ...option.precision.sessionConfig,
      ...(frugal ? FRUGAL : {}),
      ...(option.spinning ? SPINNING : {}),
    },
    providerOptions: { ...option.provider.facts.options },
    ...(power.kind === "switch" && !measuredPower ? { powerMode: { id: power.mode.id, name: power.mode.name } } : {}),
    ...(option.variant.accuracy === undefined ? {} : { accuracy: option.variant.accuracy }),
    predicted,
    ...explain(priced, { card, capabilities, policy, evidence, power: measuredPower ? { kind: "unlimited" } : power }),
  };
}

/** What fell behind the candidates. */
function outranked(ordered: readonly PricedOption[], picked: readonly PricedOption[]): RuledOut[] {
  const chosen = new Set(picked.map(({ option }) => optionKey(option)));
  return ordered
    .filter(
      ({ option, predicted }) => !chosen.has(optionKey(option)) && (!option.spinning || predicted.basis === "measured"),
    )
    .map(({ option }) => ({
      ...withThreads(option),
      code: "outranked" as const,
      reason:
        option.precision.standing === "avoid"
          ? `${option.precision.reason}.`
          : `Others are expected to do better, and the tuner compares ${counted(picked.length, "candidate")}.`,
    }));
}

/**
 * Plans which variant a device should run and how: at most six candidates, best first, each with its predicted cost and reasons,
 * and what was ruled out and why. Pure: the same input gives the same plan. How it decides: docs/tailoring.md.
 */
export function planTailoring(input: TailoringInput): TailoringPlan {
  const { card, device, inventory, policy, now } = input;
  const capabilities = deviceCapabilities(inventory, device, input.availability ?? { providers: "reported" });
  const { onnxRuntimeVersion } = inventory.runtime;
  const evidence = gatherEvidence(input.measurements, { capabilities, card, onnxRuntimeVersion, now });
  const power = judgePower(capabilities, policy.maximumPowerMilliwatts);
  const context: Context = { input, capabilities, evidence, power };

  const listed = listOptions(context);
  const { priced, locked, ruledOut } = priceOptions(context, listed.options);
  const ordered = orderOptions(priced);
  const picked = pickCandidates(ordered);
  const candidates = picked.map((entry, index) => toCandidate(entry, index + 1, context));
  const refused = [...listed.ruledOut, ...ruledOut, ...outranked(ordered, picked)];
  return {
    schemaVersion: 1,
    planId: input.planId,
    createdAt: now,
    deviceType: device.deviceType,
    profiles: [device.device, ...device.accelerators].map(({ profile, reasons }) => ({
      id: profile.id,
      title: profile.title,
      reasons: [...reasons],
    })),
    generic: device.generic,
    model: card.model,
    version: card.version,
    policy,
    outcome: candidates.length > 0 ? "planned" : "none",
    summary: summarise(candidates, refused, capabilities),
    candidates,
    ruledOut: refused,
    unlocks: unlockedBy(orderOptions(locked), picked[0]),
    notes: [...capabilities.traps],
  };
}
