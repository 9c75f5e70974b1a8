import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { DeviceDeploymentView, Inventory, TailoringCandidate } from "@sartor/shared/protocol";
import { BundlesService } from "../bundles/index.js";
import { DevicesService } from "../devices/index.js";
import { ModelsService } from "../models/index.js";
import { type DevicePlan, referenceOf, TailoringService, type VersionPlanner } from "../tailoring/index.js";
import type { DeviceChoice } from "./deployment-rows.js";
import { InstallableBundles, type RefusalOf } from "./installable-bundles.service.js";
import type { RunningRollout } from "./rollouts.repository.js";

/** Most variants that are named as passed over. */
const PASSED_OVER_SHOWN = 3;
/** As many as a view holds. */
const MOST_REASONS = 16;

/** Chooses for some devices what each gets. */
export type Choose = (deviceIds: readonly string[]) => Promise<DeviceChoice[]>;

function passedOverSentence(names: readonly string[]): string {
  const shown = names.slice(0, PASSED_OVER_SHOWN).join(", ");
  const more = names.length > PASSED_OVER_SHOWN ? ` and ${names.length - PASSED_OVER_SHOWN} more` : "";
  return `Planned before it and passed over, since the device would refuse what is not signed for it: ${shown}${more}.`;
}

/**
 * Why a candidate was chosen, for the pages.
 *
 * @param passedOver variants that were planned before it and that the device would refuse
 */
function explanationOf(
  candidate: TailoringCandidate,
  passedOver: readonly string[] = [],
): NonNullable<DeviceDeploymentView["tailoring"]> {
  const others = passedOver.filter((name) => name !== candidate.variant.name);
  return {
    variant: candidate.variant.name,
    executionProvider: candidate.executionProvider,
    intraOpThreads: candidate.intraOpThreads,
    basis: candidate.predicted.basis,
    latencyMs: candidate.predicted.latencyMs.typical,
    reasons:
      others.length === 0
        ? candidate.reasons
        : [...candidate.reasons.slice(0, MOST_REASONS - 1), passedOverSentence(others)],
  };
}

/**
 * What each device of a rollout gets: the variant that is named, a verdict's candidate, or the first of its own plan that it can run. Nothing
 * that it would refuse: what is not signed, or signed for other hardware.
 */
@Injectable()
export class VariantChooser {
  constructor(
    private readonly models: ModelsService,
    private readonly bundles: BundlesService,
    private readonly devices: DevicesService,
    private readonly tailoring: TailoringService,
    private readonly installable: InstallableBundles,
  ) {}

  /**
   * What chooses for a rollout, with the variants and measurements of now.
   *
   * @throws SartorError SRT_MODEL_UNKNOWN, SRT_VARIANT_UNKNOWN
   */
  async of(rollout: Pick<RunningRollout, "model" | "version" | "tailoring" | "choice">): Promise<Choose> {
    const { model, version, tailoring, choice } = rollout;
    // Whoever names a variant wants that one: by itself no device looks for a better one.
    const tune = tailoring.tune === "always" || (tailoring.tune === "auto" && tailoring.variant === undefined);
    if (choice !== null) {
      return (deviceIds) => this.sameForAll(deviceIds, { ...choice, tune });
    }
    if (tailoring.variant !== undefined) {
      const bundleId = await this.bundleOf(model, version, tailoring.variant);
      return (deviceIds) => this.sameForAll(deviceIds, { bundleId, runtime: null, tailoring: null, tune });
    }
    const planner = await this.tailoring.plannerOf(model, version, tailoring.policy).catch(unlessUnmeasured);
    if (planner === undefined) return this.of({ ...rollout, tailoring: { ...tailoring, variant: "fp32" } });
    const bundled = await this.bundlesOf(model, version);
    return async (deviceIds) => {
      const inventories = await this.devices.inventories(deviceIds);
      const refusals = await this.installable.forDevices(deviceIds);
      const choices: DeviceChoice[] = [];
      for (const deviceId of deviceIds) {
        const inventory = inventories.get(deviceId);
        const chosen = await this.chooseOne(planner, bundled, inventory, refusals(deviceId));
        choices.push({ deviceId, ...chosen, tune: tune && chosen.bundleId !== null });
      }
      return choices;
    };
  }

  /**
   * The bundle of a variant by its name.
   *
   * @throws SartorError SRT_MODEL_UNKNOWN, SRT_VARIANT_UNKNOWN
   */
  async bundleOf(model: string, version: string, variant: string): Promise<string> {
    const { variants } = await this.models.get(model, version);
    const found = variants.find(({ name }) => name === variant);
    if (found !== undefined) return found.bundleId;
    throw new SartorError("SRT_VARIANT_UNKNOWN", `Version ${version} of ${model} has no variant ${variant}.`, {
      details: { variants: variants.map(({ name }) => name) },
    });
  }

  /** The same for those variants that are offered now, without what was built anew since. */
  async offeredBundlesOf(model: string, version: string): Promise<ReadonlyMap<string, string>> {
    const { variants } = await this.models.get(model, version);
    return new Map(variants.map(({ variantId, bundleId }) => [variantId, bundleId]));
  }

  /** The bundles of a version, by their variants' ids. */
  async bundlesOf(model: string, version: string): Promise<ReadonlyMap<string, string>> {
    const bundles = await this.bundles.ofVersion(model, version);
    return new Map(bundles.map(({ variantId, bundleId }) => [variantId, bundleId]));
  }

  private async sameForAll(
    deviceIds: readonly string[],
    choice: Pick<DeviceChoice, "runtime" | "tailoring" | "tune"> & { readonly bundleId: string },
  ): Promise<DeviceChoice[]> {
    const refusals = await this.installable.forDevices(deviceIds);
    return deviceIds.map((deviceId) => {
      const refused = refusals(deviceId)(choice.bundleId);
      return refused === undefined
        ? { deviceId, ...choice, error: null }
        : { deviceId, ...refusal(refused), tune: false };
    });
  }

  private async chooseOne(
    planner: VersionPlanner,
    bundled: ReadonlyMap<string, string>,
    inventory: Inventory | undefined,
    refusalOf: RefusalOf,
  ): Promise<Omit<DeviceChoice, "deviceId" | "tune">> {
    if (inventory === undefined) return unknownDevice(planner, bundled, refusalOf);
    const devicePlan = await planner.plan(inventory);
    const passedOver: string[] = [];
    let refused: SartorError | undefined;
    for (const { variantId, runtime, candidate } of devicePlan.runnable) {
      const bundleId = bundled.get(variantId);
      if (bundleId === undefined) continue;
      const reason = refusalOf(bundleId);
      if (reason === undefined) {
        return { bundleId, runtime, tailoring: explanationOf(candidate, passedOver), error: null };
      }
      refused ??= reason;
      const { name } = candidate.variant;
      if (!passedOver.includes(name)) passedOver.push(name);
    }
    return refusal(refused ?? nothingFits(devicePlan));
  }
}

/** A version of an older release: its variants are being measured, and until then fp32 is all there is. */
function unlessUnmeasured(error: unknown): undefined {
  if (error instanceof SartorError && error.code === "SRT_TAILORING_NO_VARIANT") return undefined;
  throw error;
}

/** A device that did not say yet what it is gets what runs anywhere. */
function unknownDevice(
  planner: VersionPlanner,
  bundled: ReadonlyMap<string, string>,
  refusalOf: RefusalOf,
): Omit<DeviceChoice, "deviceId" | "tune"> {
  const safe = referenceOf(planner.variants.filter(({ variantId }) => bundled.has(variantId)));
  const bundleId = safe === undefined ? undefined : bundled.get(safe.variantId);
  if (safe === undefined || bundleId === undefined) throw new Error("the version has no variant with a bundle");
  const refused = refusalOf(bundleId);
  if (refused !== undefined) return refusal(refused);
  return {
    bundleId,
    runtime: null,
    tailoring: {
      variant: safe.name,
      executionProvider: safe.runtime.executionProviders[0] ?? "cpu",
      intraOpThreads: safe.runtime.intraOpThreads,
      basis: "estimated",
      latencyMs: null,
      reasons: ["The device has not said yet what hardware it is, so it gets the variant that runs anywhere."],
    },
    error: null,
  };
}

function refusal(error: SartorError): Omit<DeviceChoice, "deviceId" | "tune"> {
  return { bundleId: null, runtime: null, tailoring: null, error: error.toBody() };
}

function nothingFits({ plan }: DevicePlan): SartorError {
  const { planId, deviceType } = plan;
  return new SartorError("SRT_TAILORING_NO_VARIANT", plan.summary, { details: { planId, deviceType } });
}
