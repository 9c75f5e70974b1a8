import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { DeviceDeploymentView, Inventory, TailoringCandidate } from "@sartor/shared/protocol";
import { BundlesService } from "../bundles/index.js";
import { DevicesService } from "../devices/index.js";
import { ModelsService } from "../models/index.js";
import { type DevicePlan, referenceOf, TailoringService, type VersionPlanner } from "../tailoring/index.js";
import type { DeviceChoice } from "./deployment-rows.js";
import type { RunningRollout } from "./rollouts.repository.js";

/** Chooses for some devices what each gets. */
export type Choose = (deviceIds: readonly string[]) => Promise<DeviceChoice[]>;

/** Why a candidate was chosen, for the pages. */
export function explanationOf(candidate: TailoringCandidate): NonNullable<DeviceDeploymentView["tailoring"]> {
  return {
    variant: candidate.variant.name,
    executionProvider: candidate.executionProvider,
    intraOpThreads: candidate.intraOpThreads,
    basis: candidate.predicted.basis,
    latencyMs: candidate.predicted.latencyMs.typical,
    reasons: candidate.reasons,
  };
}

/** What each device of a rollout gets: the variant that is named, a verdict's candidate, or the first of its own plan that it can run. */
@Injectable()
export class VariantChooser {
  constructor(
    private readonly models: ModelsService,
    private readonly bundles: BundlesService,
    private readonly devices: DevicesService,
    private readonly tailoring: TailoringService,
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
      return async (deviceIds) => deviceIds.map((deviceId) => ({ deviceId, ...choice, error: null, tune }));
    }
    if (tailoring.variant !== undefined) {
      const bundleId = await this.bundleOf(model, version, tailoring.variant);
      const same = { bundleId, runtime: null, tailoring: null, error: null, tune };
      return async (deviceIds) => deviceIds.map((deviceId) => ({ deviceId, ...same }));
    }
    const planner = await this.tailoring.plannerOf(model, version, tailoring.policy).catch(unlessUnmeasured);
    if (planner === undefined) return this.of({ ...rollout, tailoring: { ...tailoring, variant: "fp32" } });
    const bundled = await this.bundlesOf(model, version);
    return async (deviceIds) => {
      const inventories = await this.devices.inventories(deviceIds);
      const choices: DeviceChoice[] = [];
      for (const deviceId of deviceIds) {
        const inventory = inventories.get(deviceId);
        const chosen = await this.chooseOne(planner, bundled, inventory);
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

  private async chooseOne(
    planner: VersionPlanner,
    bundled: ReadonlyMap<string, string>,
    inventory: Inventory | undefined,
  ): Promise<Omit<DeviceChoice, "deviceId" | "tune">> {
    if (inventory === undefined) return unknownDevice(planner, bundled);
    const devicePlan = await planner.plan(inventory);
    const [first] = devicePlan.runnable.filter(({ variantId }) => bundled.has(variantId));
    if (first === undefined) return refusal(devicePlan);
    return {
      bundleId: bundled.get(first.variantId) ?? null,
      runtime: first.runtime,
      tailoring: explanationOf(first.candidate),
      error: null,
    };
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
): Omit<DeviceChoice, "deviceId" | "tune"> {
  const safe = referenceOf(planner.variants.filter(({ variantId }) => bundled.has(variantId)));
  if (safe === undefined) throw new Error("the version has no variant with a bundle");
  return {
    bundleId: bundled.get(safe.variantId) ?? null,
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

function refusal({ plan }: DevicePlan): Omit<DeviceChoice, "deviceId" | "tune"> {
  return {
    bundleId: null,
    runtime: null,
    tailoring: null,
    error: {
      code: "SRT_TAILORING_NO_VARIANT",
      message: plan.summary,
      details: { planId: plan.planId, deviceType: plan.deviceType },
    },
  };
}
