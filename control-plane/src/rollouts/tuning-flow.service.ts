import { setImmediate as pause } from "node:timers/promises";
import { Injectable, Logger } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import { rolloutTailoringSchema, type TuningView, tuningRequestSchema } from "@sartor/shared/protocol";
import type { z } from "zod";
import { Clock, Ids } from "../config/index.js";
import { DevicesService } from "../devices/index.js";
import { EventBus } from "../events/index.js";
import { type StoredTuning, TailoringService, TuningsService, type VersionPlanner } from "../tailoring/index.js";
import type { FollowedDeployment } from "./deployment-rows.js";
import { DeploymentsRepository, type TuneDue } from "./deployments.repository.js";
import { InstallableBundles } from "./installable-bundles.service.js";
import { type FixedChoice, type RolloutOrderRecord, RolloutsRepository } from "./rollouts.repository.js";
import { followUpOf } from "./tuning-follow-up.js";
import { VariantChooser } from "./variant-chooser.service.js";

/** Real devices of a type that measure a version by themselves; what they find decides for all that come later. */
export const DEVICES_THAT_MEASURE = 3;
/** Worked through at once. */
const AT_ONCE = 200;

/** A rollout whose successes may lead to tunings, and what plans them. */
interface Thought {
  readonly order: RolloutOrderRecord;
  readonly planner: VersionPlanner;
}

/** A tuning request with its defaults filled in. */
export type TuningRequestOrder = z.output<typeof tuningRequestSchema>;

/**
 * What leads from a rollout to a tuning and from a tuning to a rollout. Both read from the database what is due, so that nothing is lost or done
 * twice when the control plane is killed in between.
 */
@Injectable()
export class TuningFlow {
  readonly #logger = new Logger(TuningFlow.name);

  constructor(
    private readonly rollouts: RolloutsRepository,
    private readonly deployments: DeploymentsRepository,
    private readonly chooser: VariantChooser,
    private readonly installable: InstallableBundles,
    private readonly tailoring: TailoringService,
    private readonly tunings: TuningsService,
    private readonly devices: DevicesService,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  /**
   * Has a device measure what an operator asks for; what it is told to serve where no version is named, else what it serves.
   *
   * @throws SartorError SRT_DEVICE_UNKNOWN, SRT_MODEL_UNKNOWN, SRT_TAILORING_NO_INVENTORY, SRT_TAILORING_NO_VARIANT,
   *   SRT_TRUST_NO_ROOT, SRT_TRUST_UNSIGNED; SRT_INVALID_REQUEST where no
   *   version is named and the device has none
   */
  async order(deviceId: string, request: TuningRequestOrder): Promise<TuningView> {
    await this.devices.requireExists(deviceId);
    this.installable.requireCeremony();
    const { model, version } = await this.versionFor(deviceId, request);
    const reason = "an operator asked for it";
    const mayMeasure = await this.mayMeasure(deviceId, model, version);
    return this.tunings.order(deviceId, { ...request, model, version, reason, deploymentId: null }, mayMeasure);
  }

  /** Which variants of a version a device would take. */
  private async mayMeasure(deviceId: string, model: string, version: string): Promise<(variantId: string) => boolean> {
    const bundles = await this.chooser.bundlesOf(model, version);
    const refusalOf = await this.installable.forDevice(deviceId);
    return (variantId) => {
      const bundleId = bundles.get(variantId);
      return bundleId !== undefined && refusalOf(bundleId) === undefined;
    };
  }

  /** Thinks of successes after which a tuning may be due, some of them; tells whether there may be more. */
  async afterSuccesses(): Promise<boolean> {
    const dues = await this.deployments.findTuneDue(AT_ONCE);
    const rollouts = new Map<string, Promise<Thought | undefined>>();
    const done: string[] = [];
    for (const due of dues) {
      if (!rollouts.has(due.rolloutId)) rollouts.set(due.rolloutId, this.thoughtOf(due.rolloutId));
      await this.afterSuccess(due, await rollouts.get(due.rolloutId));
      done.push(due.deploymentId);
      await pause();
    }
    // Killed before this, the next tick finds the tunings that were ordered.
    await this.deployments.setTuneDone(done);
    return dues.length === AT_ONCE;
  }

  /** Does what follows from verdicts, some of them; tells whether there may be more. */
  async followVerdicts(): Promise<boolean> {
    const due = await this.tunings.findFollowUps(AT_ONCE);
    for (const tuning of due) {
      const { tuningId, deviceId } = tuning;
      await this.follow(tuning);
      this.events.emit("tuning.changed", { tuningId, deviceId });
      await pause();
    }
    return due.length === AT_ONCE;
  }

  private async thoughtOf(rolloutId: string): Promise<Thought | undefined> {
    const order = await this.rollouts.orderOf(rolloutId);
    if (order === undefined || order.tailoring.tune === "never") return undefined;
    const planner = await this.tailoring
      .plannerOf(order.model, order.version, order.tailoring.policy)
      .catch((error: unknown) => {
        if (error instanceof SartorError) return undefined;
        throw error;
      });
    return planner === undefined ? undefined : { order, planner };
  }

  private async afterSuccess({ deviceId, deploymentId }: TuneDue, thought: Thought | undefined): Promise<void> {
    if (thought === undefined || (await this.tunings.isOrderedFor(deviceId, deploymentId))) return;
    const { model, version, tailoring } = thought.order;
    const { tune, variant, policy } = tailoring;
    try {
      if (tune === "auto" && !(await this.helps(deviceId, thought))) return;
      const defaults = tuningRequestSchema.parse({});
      const reason =
        tune === "always" ? "its rollout asks for it" : "few devices of its type have measured this version";
      const request = { ...defaults, model, version, policy, variant, reason, deploymentId };
      const mayMeasure = await this.mayMeasure(deviceId, model, version);
      await this.tunings.order(deviceId, request, mayMeasure, thought.planner);
    } catch (error) {
      // What the device or the version is like does not change by asking again.
      if (!(error instanceof SartorError)) throw error;
      this.#logger.log(`${deviceId} measures nothing after deployment ${deploymentId}: ${error.message}`);
    }
  }

  /**
   * Whether one more device of this type should measure a version: as long as fewer than three were asked to measure any variant of its plan,
   * so that one that was built later gets its turn. Emulated devices never do by themselves: they would measure the machine that they run on. One
   * that is measuring this version goes on with that.
   */
  private async helps(deviceId: string, { order: { model, version }, planner }: Thought): Promise<boolean> {
    const inventory = await this.tailoring.inventoryOf(deviceId);
    if (inventory.emulated) return false;
    const newest = await this.tunings.newestOf(deviceId);
    const active = newest?.status === "queued" || newest?.status === "in_progress";
    if (active && newest?.model === model && newest.version === version) return false;
    const deviceType = this.tailoring.deviceTypeOf(inventory);
    const asked = await this.tunings.devicesByVariant(deviceType, model, version);
    const { runnable } = await planner.plan(inventory);
    return runnable.some(({ variantId }) => (asked.get(variantId)?.size ?? 0) < DEVICES_THAT_MEASURE);
  }

  /** Does what follows from one verdict. */
  private async follow(tuning: StoredTuning): Promise<void> {
    const { tuningId, deviceId, model, version } = tuning;
    const bundles = await this.chooser.offeredBundlesOf(model, version);
    const followed = await this.deployments.followed(deviceId);
    const newest = await this.rollouts.newestOf(deviceId);
    const newestTuning = await this.tunings.newestOf(deviceId);
    const bundleOf = (variantId: string) => bundles.get(variantId);
    const decided = followUpOf(tuning, { followed, newest, newestTuning, bundleOf });
    if ("again" in decided) return this.tunings.orderAgain(tuning, decided.again);
    if ("skipped" in decided) {
      this.#logger.log(`Nothing follows from the verdict of tuning ${tuningId} of ${deviceId}: ${decided.skipped}.`);
      return this.tunings.skipFollowUp(tuningId);
    }
    await this.rollOut(tuning, decided.choice, followed);
  }

  /** Begins a rollout of a verdict to its one device, unless that was done already. */
  private async rollOut(
    { tuningId, deviceId, model, version }: StoredTuning,
    choice: FixedChoice,
    followed: FollowedDeployment | undefined,
  ): Promise<void> {
    const before = followed === undefined ? undefined : await this.rollouts.orderOf(followed.rolloutId);
    const device = await this.devices.summary(deviceId);
    const { variant, intraOpThreads } = choice.tailoring;
    const threads = intraOpThreads === 1 ? "1 thread" : `${intraOpThreads} threads`;
    const rolloutId = this.ids.ulid();
    const begun = await this.rollouts.insert({
      rolloutId,
      name: `tuning of ${device?.name ?? deviceId}: ${variant}, ${threads}`.slice(0, NAME_LENGTH),
      model,
      version,
      deadlineMs: before?.deadlineMs ?? DEADLINE_MS,
      probe: before?.probe ?? PROBE,
      tailoring: rolloutTailoringSchema.parse({ policy: before?.tailoring.policy ?? {}, tune: "never" }),
      follows: { tuningId, choice },
      createdAt: this.clock.now(),
      waves: [[deviceId]],
    });
    if (begun) this.events.emit("rollout.changed", { rolloutId });
  }

  private async versionFor(
    deviceId: string,
    { model, version }: TuningRequestOrder,
  ): Promise<{ model: string; version: string }> {
    if (model !== undefined && version !== undefined) return { model, version };
    if (model === undefined && version === undefined) {
      const followed = await this.deployments.followed(deviceId);
      const told = followed === undefined ? undefined : await this.rollouts.orderOf(followed.rolloutId);
      if (told !== undefined) return { model: told.model, version: told.version };
      const serving = (await this.devices.summary(deviceId))?.serving;
      if (serving?.model != null && serving.version !== null) return { model: serving.model, version: serving.version };
    }
    const half = model !== undefined || version !== undefined;
    throw new SartorError(
      "SRT_INVALID_REQUEST",
      half
        ? "Name both a model and a version, or neither."
        : "Name a model and a version: the device neither serves one nor is told to.",
    );
  }
}

/** Where the device followed no rollout before. */
const DEADLINE_MS = 3_600_000;
const PROBE = { deadlineMs: 120_000, soakMs: 5_000 };
const NAME_LENGTH = 200;
