import { setImmediate as pause } from "node:timers/promises";
import { Injectable, Logger } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { DesiredState, ReportedState } from "@sartor/shared/protocol";
import { DeviceIdentities } from "../auth/index.js";
import { type BundleRecord, BundlesService } from "../bundles/index.js";
import { Clock, Settings } from "../config/index.js";
import { BatchWriter } from "../database/index.js";
import { DevicesService } from "../devices/index.js";
import { EventBus } from "../events/index.js";
import { IngestService } from "../ingest/index.js";
import { canonicalJson } from "../models/index.js";
import { DirectorService } from "../signing/index.js";
import { DesiredStatesRepository } from "./desired-states.repository.js";
import { orderedBundles } from "./ordered-bundles.js";

/** Devices planned in one transaction. */
const PLAN_AT_ONCE = 200;
/** What is thrown where an order cannot be signed as things are. */
const TRUST = /^SRT_TRUST_/;
/** Desired states on their way to their devices at once. */
const PUBLISH_AT_ONCE = 200;

/**
 * Tells each device what it shall do: a desired state is kept, then signed into the device's director repository, and then the device is nudged
 * to look. The generation only rises; a broker without a memory gets all nudges again at the start. What cannot be signed (before the key
 * ceremony, or a bundle whose signature is missing) is held until something was signed.
 */
@Injectable()
export class DesiredPublisher {
  readonly #logger = new Logger(DesiredPublisher.name);
  /** Newest generation by device, to see at once when a device has seen a higher one. */
  readonly #generations = new Map<string, number>();
  /** What is on its way, by device: one at a time, so that an older state never comes after a newer one. */
  readonly #underWay = new Map<string, Promise<void>>();
  /** Devices that were removed: nothing more is published for them. An id is never given twice. */
  readonly #gone = new Set<string>();
  /** How often something was signed since the start. */
  #signings = 0;
  /** Codes of what keeps orders from being signed that were told since the last time that something was signed. */
  readonly #warned = new Set<string>();

  /** Deployments, by device, that are held as far as this process knows. */
  readonly #held = new Map<string, string>();

  /** Notes what the broker took, many in one transaction. */
  readonly #published: BatchWriter<DesiredState>;

  constructor(
    private readonly repository: DesiredStatesRepository,
    private readonly bundles: BundlesService,
    private readonly devices: DevicesService,
    private readonly identities: DeviceIdentities,
    private readonly director: DirectorService,
    private readonly ingest: IngestService,
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly events: EventBus,
  ) {
    this.#published = new BatchWriter({ maximumItems: PUBLISH_AT_ONCE, maximumWaitMs: 0 }, async (states) => {
      await repository.markPublished(states);
      return undefined;
    });
    events.on("device.connected", ({ deviceId }) => this.nudgeAgain(deviceId).then(() => undefined));
    events.on("device.reported", ({ message }) => this.compare(message));
  }

  /** Nudges every device again that was told something, and has those desired states computed anew that the settings changed or a crash left out. */
  async restore(): Promise<void> {
    const missing = new Set(await this.devices.enrolledIds());
    const outdated: string[] = [];
    let after = "";
    for (;;) {
      const page = await this.repository.page(after, PUBLISH_AT_ONCE);
      for (const { desired, published } of page) {
        if (!missing.delete(desired.deviceId)) continue;
        if (desired.telemetry.windowSeconds !== this.settings.telemetryWindowSeconds) outdated.push(desired.deviceId);
        if (!published) continue;
        this.#generations.set(desired.deviceId, desired.generation);
        void this.nudgeAgain(desired.deviceId);
      }
      await this.settle();
      after = page.at(-1)?.desired.deviceId ?? "";
      await pause();
      if (page.length < PUBLISH_AT_ONCE) break;
    }
    // What was signed while nobody listened.
    await this.repository.release();
    await this.request([...outdated, ...missing]);
    await this.plan();
    let full = true;
    while (full) {
      full = false;
      await this.publishPending(() => {
        full = true;
      });
      await this.settle();
    }
  }

  /** Has desired states computed anew with the next {@link plan}. */
  request(deviceIds: readonly string[]): Promise<void> {
    return this.repository.noteToPlan(deviceIds);
  }

  /** Has orders signed anew that may say something else by now: something was signed by people. */
  async signed(): Promise<void> {
    this.#signings++;
    this.#warned.clear();
    await this.repository.signAgain();
  }

  /** Has a device's order signed anew: it was enrolled, maybe with other hardware. */
  async enrolled(deviceId: string): Promise<void> {
    await this.repository.noteToPlan([deviceId]);
    await this.repository.signAgain(deviceId);
  }

  /** Computes what is to be computed. */
  async plan(): Promise<void> {
    while (await this.repository.takeTunings(PLAN_AT_ONCE)) await pause();
    for (;;) {
      const marked = await this.repository.findToPlan(PLAN_AT_ONCE);
      if (marked.length === 0) return;
      // A report that was on its way when its device was removed may have set a mark since.
      for (const deviceId of marked) if (this.#gone.has(deviceId)) await this.repository.forget(deviceId);
      const devices = marked.filter((deviceId) => !this.#gone.has(deviceId));
      if (devices.length === 0) continue;
      const bundles = await this.loadBundles(await this.repository.bundlesFollowed(devices));
      const ofVariants = await this.bundles.ofVariants(await this.repository.variantsTuned(devices));
      await this.repository.plan(devices, {
        now: this.clock.now(),
        windowSeconds: this.settings.telemetryWindowSeconds,
        bundleOf: (bundleId) => {
          const bundle = bundles.get(bundleId);
          if (bundle === undefined) {
            this.#logger.error(`Bundle ${bundleId} is gone; its devices keep what they were told.`);
            return undefined;
          }
          const { manifestBytes, model, version } = bundle;
          return { bundleId, manifestBytes, model, version };
        },
        bundleOfVariant: (variantId) => {
          const bundle = ofVariants.get(variantId);
          return bundle && { bundleId: bundle.bundleId, manifestBytes: bundle.manifestBytes };
        },
      });
      // Everyone else gets a turn: SQLite answers synchronously.
      await pause();
    }
  }

  /**
   * Begins to sign and publish what is not published yet, up to 200 at once, and does not wait for the broker: one that does not answer keeps
   * neither another device's state nor a deadline waiting. What is not taken is tried again with the next tick.
   *
   * @param more called when one of them was taken and others may wait for its place
   */
  async publishPending(more: () => void): Promise<void> {
    const room = PUBLISH_AT_ONCE - this.#underWay.size;
    if (room <= 0) return;
    const states = await this.repository.unpublished(room, [...this.#underWay.keys()]);
    for (const desired of states) {
      void this.publishInTurn(desired).then((taken) => {
        if (taken && states.length === room) more();
      });
    }
  }

  /** Waits for what is on its way to the broker. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  /**
   * Forgets what a removed device was told. Its signed order and the broker's nudge go last, after what was still on its way to it. Called by the executor
   * between two of its works, so that nothing is planned for the device meanwhile.
   *
   * @returns what clears these; it may take as long as the broker
   */
  async forget(deviceId: string): Promise<() => Promise<void>> {
    this.#gone.add(deviceId);
    this.#generations.delete(deviceId);
    this.#held.delete(deviceId);
    await this.repository.forget(deviceId);
    return async () => {
      await this.#underWay.get(deviceId);
      await this.director.forget(deviceId);
      await this.ingest.forget(deviceId);
    };
  }

  /** Signs and publishes a desired state after what is on its way to the same device. Never rejects; tells whether the device was told. */
  private publishInTurn(desired: DesiredState): Promise<boolean> {
    return this.inTurn(desired.deviceId, () => this.publish(desired));
  }

  /** Nudges a device again to the newest that it was told of, whatever the broker remembers. Never rejects. */
  private nudgeAgain(deviceId: string): Promise<boolean> {
    return this.inTurn(deviceId, async () => {
      const generation = this.#generations.get(deviceId);
      if (generation === undefined || this.#gone.has(deviceId)) return false;
      try {
        await this.ingest.publishNudge(deviceId, generation);
        return true;
      } catch (error) {
        this.#logger.error(`${deviceId} was not nudged again: ${error}`);
        return false;
      }
    });
  }

  private inTurn(deviceId: string, work: () => Promise<boolean>): Promise<boolean> {
    const before = this.#underWay.get(deviceId) ?? Promise.resolve();
    const done = before.then(work);
    const turn = done.then(() => {
      if (this.#underWay.get(deviceId) === turn) this.#underWay.delete(deviceId);
    });
    this.#underWay.set(deviceId, turn);
    return done;
  }

  private async publish(desired: DesiredState): Promise<boolean> {
    const { deviceId, generation } = desired;
    if (this.#gone.has(deviceId) || generation < (this.#generations.get(deviceId) ?? 0)) return false;
    const signings = this.#signings;
    try {
      await this.sign(desired);
      // An order that says the same with new signatures is found by itself: no need to wake a fleet at once.
      if (generation > (this.#generations.get(deviceId) ?? 0)) await this.ingest.publishNudge(deviceId, generation);
      this.#generations.set(deviceId, generation);
      await this.#published.add(desired);
      // Something was signed since: what was noted as published may say less than there is to say.
      if (signings !== this.#signings) await this.repository.signAgain(deviceId);
      await this.devices.setDesiredGeneration(deviceId, generation);
      this.events.emit("desired.published", { deviceId, desired });
      const deploymentId = this.#held.get(deviceId);
      if (deploymentId !== undefined && this.#held.delete(deviceId)) {
        this.events.emit("desired.hold_changed", { deviceId, deploymentId });
      }
      return true;
    } catch (error) {
      if (error instanceof SartorError && TRUST.test(error.code)) {
        await this.hold(desired, error, signings);
        return false;
      }
      this.#logger.error(`The desired state of ${deviceId} was not published: ${error}`);
      return false;
    }
  }

  /** @throws SartorError SRT_TRUST_* where it cannot be signed now */
  private async sign(desired: DesiredState): Promise<void> {
    const { deviceId } = desired;
    await this.director.publish({
      deviceId,
      desired: Buffer.from(canonicalJson(desired), "utf8"),
      bundles: orderedBundles(desired),
      hardware: (await this.identities.hardwareOf([deviceId])).get(deviceId) ?? [],
    });
  }

  /** Never rejects. */
  private async hold(desired: DesiredState, error: SartorError, signings: number): Promise<void> {
    const { deviceId } = desired;
    // Before the key ceremony this is so for every device.
    if (this.#warned.has(error.code)) this.#logger.debug(`The order of ${deviceId} is held: ${error.message}`);
    else this.#logger.warn(`The order of ${deviceId} is held, and others for the same reason: ${error.message}`);
    this.#warned.add(error.code);
    try {
      await this.repository.hold(desired, error.toBody());
      const deploymentId = desired.deployment?.deploymentId;
      if (deploymentId !== undefined) {
        this.#held.set(deviceId, deploymentId);
        this.events.emit("desired.hold_changed", { deviceId, deploymentId });
      }
      // What was missing was signed meanwhile.
      if (signings !== this.#signings) await this.repository.release(deviceId);
    } catch (problem) {
      this.#logger.error(`It could not be noted why the order of ${deviceId} waits: ${problem}`);
    }
  }

  /** A device that has seen a higher generation than ours would ignore us for ever (our database was restored from a backup). */
  private async compare({ deviceId, generation }: ReportedState): Promise<void> {
    const known = this.#generations.get(deviceId);
    if (known === undefined || generation <= known) return;
    if (await this.repository.lift(deviceId, generation, this.clock.now())) {
      this.#logger.warn(`${deviceId} has seen generation ${generation}, ours was ${known}: lifted above it.`);
      const desired = await this.repository.find(deviceId);
      if (desired !== undefined) await this.publishInTurn(desired);
    }
  }

  private async loadBundles(bundleIds: readonly string[]): Promise<Map<string, BundleRecord>> {
    const bundles = new Map<string, BundleRecord>();
    for (const bundleId of bundleIds) {
      const bundle = await this.bundles.find(bundleId);
      // Those of deployments that newer ones took the place of may have been collected.
      if (bundle !== undefined) bundles.set(bundleId, bundle);
    }
    return bundles;
  }
}
