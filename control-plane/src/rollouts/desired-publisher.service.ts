import { setImmediate as pause } from "node:timers/promises";
import { Injectable, Logger } from "@nestjs/common";
import type { DesiredState, ReportedState } from "@sartor/shared/protocol";
import { type BundleRecord, BundlesService } from "../bundles/index.js";
import { Clock, Settings } from "../config/index.js";
import { BatchWriter } from "../database/index.js";
import { DevicesService } from "../devices/index.js";
import { EventBus } from "../events/index.js";
import { IngestService } from "../ingest/index.js";
import { DesiredStatesRepository } from "./desired-states.repository.js";

/** Devices planned in one transaction. */
const PLAN_AT_ONCE = 200;
/** Desired states on their way to the broker at once. */
const PUBLISH_AT_ONCE = 200;

/**
 * Tells each device what it shall do. A desired state is kept before it is published, with a generation that only rises; a broker
 * without a memory gets them all again at the start.
 */
@Injectable()
export class DesiredPublisher {
  readonly #logger = new Logger(DesiredPublisher.name);
  /** Newest generation by device, to see at once when a device has seen a higher one. */
  readonly #generations = new Map<string, number>();
  /** What is on its way to the broker, by device: one at a time, so that an older state never comes after a newer one. */
  readonly #underWay = new Map<string, Promise<void>>();
  /** Devices that were removed: nothing more is published for them. An id is never given twice. */
  readonly #gone = new Set<string>();

  /** Notes what the broker took, many in one transaction. */
  readonly #published: BatchWriter<DesiredState>;

  constructor(
    private readonly repository: DesiredStatesRepository,
    private readonly bundles: BundlesService,
    private readonly devices: DevicesService,
    private readonly ingest: IngestService,
    private readonly settings: Settings,
    private readonly clock: Clock,
    events: EventBus,
  ) {
    this.#published = new BatchWriter({ maximumItems: PUBLISH_AT_ONCE, maximumWaitMs: 0 }, async (states) => {
      await repository.markPublished(states);
      return undefined;
    });
    events.on("device.connected", ({ deviceId }) => this.remind(deviceId));
    events.on("device.reported", ({ message }) => this.compare(message));
  }

  /** Publishes every kept desired state, and has those computed anew that the settings changed or a crash left out. */
  async restore(): Promise<void> {
    const missing = new Set(await this.devices.enrolledIds());
    const outdated: string[] = [];
    let after = "";
    for (;;) {
      const page = await this.repository.page(after, PUBLISH_AT_ONCE);
      for (const desired of page) {
        if (!missing.delete(desired.deviceId)) continue;
        if (desired.telemetry.windowSeconds !== this.settings.telemetryWindowSeconds) outdated.push(desired.deviceId);
        void this.publishInTurn(desired, true);
      }
      await this.settle();
      after = page.at(-1)?.deviceId ?? "";
      await pause();
      if (page.length < PUBLISH_AT_ONCE) break;
    }
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
   * Begins to publish what is not published yet, up to 200 at once, and does not wait for the broker: one that does not answer keeps
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
   * Forgets what a removed device was told. The broker's copy goes last, after what was still on its way to it. Called by the executor
   * between two of its works, so that nothing is planned for the device meanwhile.
   *
   * @returns what clears the broker's copy; it may take as long as the broker
   */
  async forget(deviceId: string): Promise<() => Promise<void>> {
    this.#gone.add(deviceId);
    this.#generations.delete(deviceId);
    await this.repository.forget(deviceId);
    return async () => {
      await this.#underWay.get(deviceId);
      await this.ingest.forget(deviceId);
    };
  }

  /**
   * Publishes a desired state after what is on its way to the same device. Never rejects; tells whether the broker took it.
   *
   * @param again it was published before and is only repeated: there is nothing to note
   */
  private publishInTurn(desired: DesiredState, again = false): Promise<boolean> {
    const { deviceId } = desired;
    const before = this.#underWay.get(deviceId) ?? Promise.resolve();
    const taken = before.then(() => this.publish(desired, again));
    const turn = taken.then(() => {
      if (this.#underWay.get(deviceId) === turn) this.#underWay.delete(deviceId);
    });
    this.#underWay.set(deviceId, turn);
    return taken;
  }

  private async publish(desired: DesiredState, again: boolean): Promise<boolean> {
    const { deviceId, generation } = desired;
    if (this.#gone.has(deviceId) || generation < (this.#generations.get(deviceId) ?? 0)) return false;
    try {
      await this.ingest.publishDesired(deviceId, desired);
      this.#generations.set(deviceId, generation);
      if (again) return true;
      await this.#published.add(desired);
      await this.devices.setDesiredGeneration(deviceId, generation);
      return true;
    } catch (error) {
      this.#logger.error(`The desired state of ${deviceId} was not published: ${error}`);
      return false;
    }
  }

  /** A device that comes back gets its desired state again, whatever the broker remembers. */
  private async remind(deviceId: string): Promise<void> {
    const desired = await this.repository.find(deviceId);
    if (desired !== undefined) await this.publishInTurn(desired, true);
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
