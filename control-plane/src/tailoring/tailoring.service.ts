import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type {
  FirmwareProfileView,
  Inventory,
  Page,
  TailoringPlan,
  TailoringPolicy,
  TuningMeasurement,
  TuningReport,
  tailoringPlanRequestSchema,
} from "@sartor/shared/protocol";
import type { z } from "zod";
import { Clock, Ids } from "../config/index.js";
import { DevicesService } from "../devices/index.js";
import { ModelsService } from "../models/index.js";
import { type OfferedVariant, VariantsService } from "../variants/index.js";
import { FirmwareProfiles } from "./firmware-profiles.service.js";
import { MeasurementsRepository } from "./measurements.repository.js";
import { type MeasuredVariant, measurementsOf } from "./measurements-of-report.js";
import { toModelCard } from "./offered-variants.js";
import type { OrderedCandidate } from "./stored-tuning.js";
import { VersionPlanner } from "./version-planner.js";

/** A plan request with its defaults filled in. */
export type PlanOrder = z.output<typeof tailoringPlanRequestSchema>;

/** Which variant a device should run, how, and why. */
@Injectable()
export class TailoringService {
  constructor(
    private readonly profiles: FirmwareProfiles,
    private readonly measurements: MeasurementsRepository,
    private readonly devices: DevicesService,
    private readonly models: ModelsService,
    private readonly variants: VariantsService,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  firmwareProfiles(): FirmwareProfileView[] {
    return this.profiles.list();
  }

  /**
   * Plans a version for a device, or for the reference hardware of a firmware profile; changes nothing.
   *
   * @throws SartorError SRT_MODEL_UNKNOWN, SRT_DEVICE_UNKNOWN, SRT_PROFILE_UNKNOWN, SRT_TAILORING_NO_INVENTORY; SRT_TAILORING_NO_VARIANT
   *   where no variant's cost is known yet
   */
  async plan({ model, version, device, policy }: PlanOrder): Promise<TailoringPlan> {
    const planner = await this.plannerOf(model, version, policy);
    const inventory =
      "deviceId" in device
        ? await this.inventoryOf(device.deviceId)
        : this.profiles.reference(device.profile, runtimeVersionOf(planner.variants), this.clock.now());
    return (await planner.plan(inventory)).plan;
  }

  /**
   * What plans a version for as many devices as wanted, with the variants and measurements of now.
   *
   * @throws SartorError SRT_MODEL_UNKNOWN; SRT_TAILORING_NO_VARIANT where no variant's cost is known yet
   */
  async plannerOf(model: string, version: string, policy: TailoringPolicy): Promise<VersionPlanner> {
    const variants = await this.offered(model, version);
    return new VersionPlanner({
      card: toModelCard(model, version, variants),
      variants,
      policy,
      profiles: this.profiles,
      measurements: this.measurements,
      now: () => this.clock.now(),
      newId: () => this.ids.ulid(),
    });
  }

  /** Kind of hardware that a device is. */
  deviceTypeOf(inventory: Inventory): string {
    return this.profiles.profile(inventory).deviceType;
  }

  /**
   * The newest inventory of a device.
   *
   * @throws SartorError SRT_DEVICE_UNKNOWN, SRT_TAILORING_NO_INVENTORY
   */
  async inventoryOf(deviceId: string): Promise<Inventory> {
    const inventory = await this.devices.inventory(deviceId);
    if (inventory !== undefined) return inventory;
    await this.devices.requireExists(deviceId);
    throw new SartorError("SRT_TAILORING_NO_INVENTORY", `${deviceId} has not said yet what hardware it is.`);
  }

  /**
   * Measurements of a version, newest first.
   *
   * @throws SartorError SRT_MODEL_UNKNOWN
   */
  async measurementsOf(
    model: string,
    version: string,
    limit: number,
    before?: string,
  ): Promise<Page<TuningMeasurement>> {
    await this.models.get(model, version);
    return this.measurements.ofVersion(model, version, limit, before);
  }

  /**
   * What a report says of the costs of candidates; nothing where nobody knows what the device is.
   *
   * @param ordered the candidates of its tuning
   */
  async measuredBy(
    report: TuningReport,
    ordered: readonly OrderedCandidate[],
    measuredAt: number,
  ): Promise<TuningMeasurement[]> {
    const inventory = await this.devices.inventory(report.deviceId);
    if (inventory === undefined) return [];
    return measurementsOf(report, {
      deviceType: this.deviceTypeOf(inventory),
      emulated: inventory.emulated,
      variants: await this.measuredVariants(report, ordered),
      measuredAt,
      newId: () => this.ids.ulid(),
    });
  }

  /** The variants behind the candidates of a report, by the candidates' ids: as they were ordered, replaced since or not. */
  private async measuredVariants(
    { model, version, incumbent }: TuningReport,
    ordered: readonly OrderedCandidate[],
  ): Promise<Map<string, MeasuredVariant>> {
    const ids = new Map(ordered.map(({ candidateId, variantId }) => [candidateId, variantId]));
    const served = incumbent?.candidateId ?? null;
    if (served !== null && !ids.has(served)) {
      const { variants } = await this.models.get(model, version);
      const found = variants.find(({ bundleId }) => bundleId === incumbent?.bundleId);
      if (found !== undefined) ids.set(served, found.variantId);
    }
    const measured = new Map<string, MeasuredVariant>();
    for (const [candidateId, variantId] of ids) {
      const { name, digest, card } = await this.variants.built(variantId);
      if (card !== null) measured.set(candidateId, { name, digest, macs: card.cost.macs });
    }
    return measured;
  }

  /** Variants with their cards that can be rolled out: those that have a bundle. */
  private async offered(model: string, version: string): Promise<OfferedVariant[]> {
    const view = await this.models.get(model, version);
    const bundled = new Set(view.variants.map(({ variantId }) => variantId));
    const { versionId } = await this.models.recordOf(model, version);
    const offered = (await this.variants.cards(versionId)).filter(({ variantId }) => bundled.has(variantId));
    if (offered.length > 0) return offered;
    // A version of an older release, whose cards are being made.
    throw new SartorError("SRT_TAILORING_NO_VARIANT", `Nothing is known yet of the variants of ${model} ${version}.`);
  }
}

/** ONNX Runtime's version that the variants were made and checked with. */
function runtimeVersionOf(variants: readonly OfferedVariant[]): string {
  return variants[0]?.card.lineage.onnxRuntimeVersion ?? "";
}
