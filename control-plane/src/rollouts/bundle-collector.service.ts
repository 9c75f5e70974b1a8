import { setImmediate as pause } from "node:timers/promises";
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from "@nestjs/common";
import { BundlesService } from "../bundles/index.js";
import { Clock } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { BlobCatalog } from "../models/index.js";
import { VariantsService } from "../variants/index.js";
import { BundleNeedsRepository } from "./bundle-needs.repository.js";

/**
 * A variant that was replaced is left alone this long, ms: who chose it the moment before has told the database by then, as choosing for a wave
 * takes minutes at most.
 */
export const REPLACED_LIFETIME_MS = 3_600_000;
/** How often it is looked whether something happened that may have freed a bundle, ms. */
const LOOK_INTERVAL_MS = 60_000;
/** Looks between two collections when nothing happened that is known of. */
const QUIET_LOOKS = 10;
/** Variants looked up at once. */
const AT_ONCE = 100;

/**
 * Removes the content of variants that were replaced by newer ones, and their bundles, as soon as no device needs them: neither to serve,
 * install or measure, nor to fall back to. What is known of such a variant stays.
 *
 * It is here, and not with the bundles, because only rollouts know what devices need.
 */
@Injectable()
export class BundleCollector implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(BundleCollector.name);
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;
  #freed = true;
  #stopping = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly needs: BundleNeedsRepository,
    private readonly variants: VariantsService,
    private readonly bundles: BundlesService,
    private readonly blobs: BlobCatalog,
    private readonly clock: Clock,
    events: EventBus,
  ) {
    for (const name of ["variants.offered", "deployment.changed", "tuning.finished", "device.deleted"] as const) {
      events.on(name, () => {
        this.#freed = true;
      });
    }
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => this.look(), LOOK_INTERVAL_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  /**
   * Removes what nobody needs, one collection at a time.
   *
   * @returns how many variants
   */
  collect(): Promise<number> {
    const collection = this.#running.then(() => this.collectAll());
    this.#running = collection.catch(() => undefined);
    return collection;
  }

  private look(): void {
    if (!this.#freed && ++this.#looks < QUIET_LOOKS) return;
    this.#freed = false;
    this.#looks = 0;
    this.collect().catch((error) => this.#logger.error(`Replaced variants were not removed: ${error}`));
  }

  private async collectAll(): Promise<number> {
    const replacedBefore = this.clock.now() - REPLACED_LIFETIME_MS;
    let needed: ReadonlySet<string> | undefined;
    let removed = 0;
    let after = "";
    while (!this.#stopping) {
      const replaced = await this.variants.replaced(replacedBefore, after, AT_ONCE);
      const last = replaced.at(-1);
      if (last === undefined) break;
      after = last;
      needed ??= await this.needs.onDevices();
      const bundles = await this.bundles.ofVariants(replaced);
      for (const variantId of replaced) {
        const bundleId = bundles.get(variantId)?.bundleId;
        if (bundleId !== undefined && needed.has(bundleId)) continue;
        if (await this.needs.remove(variantId, bundleId, replacedBefore)) removed++;
        await pause();
      }
    }
    if (removed > 0) {
      this.#logger.log(`Removed ${removed} variants that were replaced and that no device needs any more.`);
      await this.blobs.collect();
    }
    return removed;
  }
}
