import { setImmediate as pause } from "node:timers/promises";
import { Injectable, Logger } from "@nestjs/common";
import type { DesiredState, ReportedState } from "@sartor/shared/protocol";
import { type BundleRecord, BundlesService } from "../bundles/index.js";
import { Clock, Settings } from "../config/index.js";
import { DevicesService } from "../devices/index.js";
import { EventBus } from "../events/index.js";
import { IngestService } from "../ingest/index.js";
import { DesiredStatesRepository } from "./desired-states.repository.js";

/** Devices planned in one transaction. */
const PLAN_AT_ONCE = 200;
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

  constructor(
    private readonly repository: DesiredStatesRepository,
    private readonly bundles: BundlesService,
    private readonly devices: DevicesService,
    private readonly ingest: IngestService,
    private readonly settings: Settings,
    private readonly clock: Clock,
    events: EventBus,
  ) {
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
        await this.ingest.publishDesired(desired.deviceId, desired);
        this.#generations.set(desired.deviceId, desired.generation);
      }
      after = page.at(-1)?.deviceId ?? "";
      await pause();
      if (page.length < PUBLISH_AT_ONCE) break;
    }
    await this.request([...outdated, ...missing]);
    await this.work();
  }

  /** Has desired states computed anew with the next {@link work}. */
  request(deviceIds: readonly string[]): Promise<void> {
    return this.repository.noteToPlan(deviceIds);
  }

  /** Computes what is to be computed and publishes what is not published yet. */
  async work(): Promise<void> {
    for (;;) {
      const devices = await this.repository.findToPlan(PLAN_AT_ONCE);
      if (devices.length === 0) break;
      const bundles = await this.loadBundles(await this.repository.bundlesFollowed(devices));
      await this.repository.plan(devices, {
        now: this.clock.now(),
        windowSeconds: this.settings.telemetryWindowSeconds,
        bundleOf: (bundleId) => {
          const bundle = bundles.get(bundleId);
          if (bundle === undefined) return undefined;
          const { manifestBytes, model, version } = bundle;
          return { bundleId, manifestBytes, model, version };
        },
      });
      // Everyone else gets a turn: SQLite answers synchronously.
      await pause();
    }
    for (;;) {
      const unpublished = await this.repository.unpublished(PUBLISH_AT_ONCE);
      const published = await this.publish(unpublished);
      // What the broker did not take is tried again with the next tick.
      if (published < PUBLISH_AT_ONCE) break;
      await pause();
    }
  }

  async forget(deviceId: string): Promise<void> {
    this.#generations.delete(deviceId);
    await this.repository.forget(deviceId);
  }

  /** Publishes desired states; one that the broker does not take keeps no other back. Tells how many it took. */
  private async publish(states: readonly DesiredState[]): Promise<number> {
    const published: DesiredState[] = [];
    for (const desired of states) {
      try {
        await this.ingest.publishDesired(desired.deviceId, desired);
        published.push(desired);
        this.#generations.set(desired.deviceId, desired.generation);
      } catch (error) {
        this.#logger.error(`The desired state of ${desired.deviceId} was not published: ${error}`);
      }
    }
    await this.repository.markPublished(published);
    await Promise.all(
      published.map(({ deviceId, generation }) => this.devices.setDesiredGeneration(deviceId, generation)),
    );
    return published.length;
  }

  /** A device that comes back gets its desired state again, whatever the broker remembers. */
  private async remind(deviceId: string): Promise<void> {
    const desired = await this.repository.find(deviceId);
    if (desired !== undefined) await this.ingest.publishDesired(deviceId, desired);
  }

  /** A device that has seen a higher generation than ours would ignore us for ever (our database was restored from a backup). */
  private async compare({ deviceId, generation }: ReportedState): Promise<void> {
    const known = this.#generations.get(deviceId);
    if (known === undefined || generation <= known) return;
    if (await this.repository.lift(deviceId, generation, this.clock.now())) {
      this.#logger.warn(`${deviceId} has seen generation ${generation}, ours was ${known}: lifted above it.`);
      const desired = await this.repository.find(deviceId);
      if (desired !== undefined) await this.publish([desired]);
    }
  }

  private async loadBundles(bundleIds: readonly string[]): Promise<Map<string, BundleRecord>> {
    const bundles = new Map<string, BundleRecord>();
    for (const bundleId of bundleIds) {
      const bundle = await this.bundles.find(bundleId);
      if (bundle === undefined) this.#logger.error(`Bundle ${bundleId} is gone; its devices keep what they were told.`);
      else bundles.set(bundleId, bundle);
    }
    return bundles;
  }
}
