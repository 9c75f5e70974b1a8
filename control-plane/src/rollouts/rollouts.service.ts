import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type {
  DeviceDeploymentView,
  GroupScope,
  Page,
  ReportedError,
  RolloutDetail,
  RolloutSummary,
  rolloutRequestSchema,
} from "@sartor/shared/protocol";
import type { z } from "zod";
import { DeviceGroups, requireGroups } from "../auth/index.js";
import { BundlesService } from "../bundles/index.js";
import { Clock, Ids } from "../config/index.js";
import { DevicesService } from "../devices/index.js";
import { EventBus } from "../events/index.js";
import type { Person } from "../http/index.js";
import { ModelsService } from "../models/index.js";
import type { StoredDeployment } from "./deployment-rows.js";
import { DeploymentsRepository } from "./deployments.repository.js";
import { DesiredStatesRepository } from "./desired-states.repository.js";
import { InstallableBundles } from "./installable-bundles.service.js";
import { RolloutExecutor } from "./rollout-executor.service.js";
import { RolloutsRepository } from "./rollouts.repository.js";
import { VariantChooser } from "./variant-chooser.service.js";

/** A rollout request with its defaults filled in. */
export type RolloutOrder = z.output<typeof rolloutRequestSchema>;

/** Most deployments in one answer. */
export const DEPLOYMENTS_AT_ONCE = 1_000;

/** Rollouts as operators see them. A command only changes what is wanted; the executor makes the progress. */
@Injectable()
export class RolloutsService {
  constructor(
    private readonly repository: RolloutsRepository,
    private readonly deploymentRows: DeploymentsRepository,
    private readonly executor: RolloutExecutor,
    private readonly models: ModelsService,
    private readonly bundles: BundlesService,
    private readonly chooser: VariantChooser,
    private readonly installable: InstallableBundles,
    private readonly desired: DesiredStatesRepository,
    private readonly devices: DevicesService,
    private readonly groups: DeviceGroups,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  /**
   * Orders a rollout in one wave.
   *
   * @param by who orders it: it reaches the devices of their groups only
   * @throws SartorError SRT_MODEL_UNKNOWN, SRT_VARIANT_UNKNOWN, SRT_DEVICE_UNKNOWN, SRT_ROLLOUT_NO_DEVICES, SRT_GROUP_FORBIDDEN;
   *   SRT_TRUST_NO_ROOT before the key ceremony; SRT_TRUST_UNSIGNED where nothing of it is signed that a device could get
   */
  async create(order: RolloutOrder, by: Person): Promise<RolloutSummary> {
    await this.models.get(order.model, order.version);
    await this.requireSigned(order);
    const devices = await this.select(order.devices, by);
    const rolloutId = this.ids.ulid();
    const { deadlineSeconds, soakSeconds, maximumLatencyMs } = order.probe;
    await this.repository.insert({
      rolloutId,
      name: order.name,
      model: order.model,
      version: order.version,
      deadlineMs: order.deadlineSeconds * 1_000,
      probe: {
        deadlineMs: deadlineSeconds * 1_000,
        soakMs: soakSeconds * 1_000,
        ...(maximumLatencyMs === undefined ? {} : { maximumLatencyMs }),
      },
      tailoring: order.tailoring,
      follows: null,
      createdAt: this.clock.now(),
      waves: [devices],
    });
    this.events.emit("rollout.changed", { rolloutId });
    // Read before the executor gets busy, so that the answer need not wait for it.
    const summary = await this.summary(rolloutId, by.groups);
    this.executor.kick();
    return summary;
  }

  /**
   * Asks a rollout to stop: what is under way is canceled, what succeeded stays.
   *
   * @throws SartorError SRT_ROLLOUT_UNKNOWN; SRT_GROUP_FORBIDDEN where it is for devices of other groups, too; SRT_CONFLICT where it ended
   *   already
   */
  async cancel(rolloutId: string, by: Person): Promise<RolloutSummary> {
    const { status } = await this.summary(rolloutId, by.groups);
    if (by.groups !== null && (await this.repository.reachesBeyond(rolloutId, by.groups))) {
      throw new SartorError(
        "SRT_GROUP_FORBIDDEN",
        `The rollout is for devices of other groups, too: who cancels it has to be for all of them.`,
      );
    }
    if (!(await this.repository.requestCancel(rolloutId, this.clock.now()))) {
      throw new SartorError("SRT_CONFLICT", `The rollout has ${status} already.`, { details: { status } });
    }
    // Read before the executor gets busy, so that the answer need not wait for it.
    const summary = await this.summary(rolloutId, by.groups);
    this.executor.kick();
    return summary;
  }

  /** Rollouts, newest first, as far as a scope goes. */
  async list(scope: GroupScope, limit: number, cursor: string | undefined): Promise<Page<RolloutSummary>> {
    const rollouts = await this.repository.list(scope, limit, cursor);
    const items = rollouts.slice(0, limit);
    return { items, nextCursor: rollouts.length > limit ? (items.at(-1)?.rolloutId ?? null) : null };
  }

  /** A rollout, as far as a scope goes; undefined where there is none. */
  find(rolloutId: string, scope: GroupScope): Promise<RolloutSummary | undefined> {
    return this.repository.find(rolloutId, scope);
  }

  /** @throws SartorError SRT_ROLLOUT_UNKNOWN */
  async summary(rolloutId: string, scope: GroupScope): Promise<RolloutSummary> {
    const summary = await this.find(rolloutId, scope);
    if (summary === undefined) throw new SartorError("SRT_ROLLOUT_UNKNOWN", `There is no rollout ${rolloutId}.`);
    return summary;
  }

  /**
   * A rollout with the first of its deployments.
   *
   * @throws SartorError SRT_ROLLOUT_UNKNOWN
   */
  async detail(rolloutId: string, scope: GroupScope): Promise<RolloutDetail> {
    const summary = await this.summary(rolloutId, scope);
    return { ...summary, deployments: await this.viewsOf(rolloutId, scope, DEPLOYMENTS_AT_ONCE) };
  }

  /**
   * The deployments of a rollout in the order of their devices' ids.
   *
   * @param after the id of the device to go on after
   * @throws SartorError SRT_ROLLOUT_UNKNOWN
   */
  async deployments(
    rolloutId: string,
    scope: GroupScope,
    limit: number,
    after?: string,
  ): Promise<Page<DeviceDeploymentView>> {
    await this.summary(rolloutId, scope);
    const views = await this.viewsOf(rolloutId, scope, limit + 1, after);
    const items = views.slice(0, limit);
    return { items, nextCursor: views.length > limit ? (items.at(-1)?.deviceId ?? null) : null };
  }

  /** One deployment; undefined where there is none. */
  async deployment(deploymentId: string): Promise<DeviceDeploymentView | undefined> {
    const deployment = await this.deploymentRows.find(deploymentId);
    if (deployment === undefined) return undefined;
    const held = await this.desired.held([deployment.deviceId]);
    return toView(deployment, await this.devices.summary(deployment.deviceId), held);
  }

  /** Refused at once rather than on every device: what nobody signed no device installs. */
  private async requireSigned({ model, version, tailoring: { variant } }: RolloutOrder): Promise<void> {
    const bundles = await this.bundles.ofVersion(model, version);
    if (bundles.length === 0) {
      throw new SartorError("SRT_BUNDLE_UNKNOWN", `Version ${version} of ${model} has no bundle.`);
    }
    const wanted =
      variant === undefined
        ? bundles.map(({ bundleId }) => bundleId)
        : [await this.chooser.bundleOf(model, version, variant)];
    this.installable.requireCeremony();
    if (wanted.some((bundleId) => this.installable.isSigned(bundleId))) return;
    const what = variant === undefined ? "Nothing" : `No bundle of variant ${variant}`;
    throw new SartorError(
      "SRT_TRUST_UNSIGNED",
      `${what} of ${model} ${version} is signed yet. Sign it first: sartor keys release ${model} ${version}.`,
      { details: { model, version } },
    );
  }

  private async viewsOf(
    rolloutId: string,
    scope: GroupScope,
    limit: number,
    after?: string,
  ): Promise<DeviceDeploymentView[]> {
    const deployments = await this.deploymentRows.ofRollout(rolloutId, scope, limit, after);
    const deviceIds = deployments.map(({ deviceId }) => deviceId);
    const names = await this.devices.namesOf(deviceIds);
    const held = await this.desired.held(deviceIds);
    return deployments.map((deployment) => toView(deployment, names.get(deployment.deviceId), held));
  }

  private async select(devices: RolloutOrder["devices"], by: Person): Promise<string[]> {
    if (devices === "all") {
      const all = await this.enrolledIn(by.groups);
      if (all.length > 0) return all;
      const where = by.groups === null ? "" : ` in ${by.groups.join(", ")}`;
      throw new SartorError("SRT_ROLLOUT_NO_DEVICES", `No device is enrolled${where}.`);
    }
    if (!Array.isArray(devices)) {
      requireGroups(by, devices.groups);
      const theirs = await this.enrolledIn(devices.groups);
      if (theirs.length > 0) return theirs;
      throw new SartorError("SRT_ROLLOUT_NO_DEVICES", `No device is in ${devices.groups.join(", ")}.`);
    }
    const known = new Set(await this.enrolledIn(by.groups));
    const wanted = [...new Set(devices)];
    const unknown = wanted.filter((deviceId) => !known.has(deviceId));
    if (unknown.length > 0) {
      throw new SartorError(
        "SRT_DEVICE_UNKNOWN",
        `${unknown.length} of the devices are not enrolled: ${unknown.slice(0, 5).join(", ")}.`,
        { details: { devices: unknown.slice(0, 100) } },
      );
    }
    return wanted;
  }

  /** Ids of the devices in some groups, in order; of all where it is null. */
  private async enrolledIn(scope: GroupScope): Promise<string[]> {
    const enrolled = await this.devices.enrolledIds();
    if (scope === null) return enrolled;
    const theirs = new Set(await this.groups.deviceIdsIn(scope));
    return enrolled.filter((deviceId) => theirs.has(deviceId));
  }
}

/** A device that was deleted since keeps its id as its name. */
function toView(
  deployment: StoredDeployment,
  device: { readonly name: string; readonly emulated: boolean } | undefined,
  held: ReadonlyMap<string, ReportedError>,
): DeviceDeploymentView {
  return {
    ...deployment,
    deviceName: device?.name ?? deployment.deviceId,
    emulated: device?.emulated ?? false,
    // Only what is told first can be held back; what a device is at it knows already.
    held: deployment.status === "queued" ? (held.get(deployment.deviceId) ?? null) : null,
  };
}
