import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from "@nestjs/common";
import { Clock, Settings } from "../config/index.js";
import { BlobCatalog } from "../models/index.js";
import { evictions } from "./delta-eviction.js";
import { DeltaMetrics } from "./delta-metrics.js";
import { DeltasRepository } from "./deltas.repository.js";

/** How often it is looked for what is not needed any more, ms: nothing depends on seeing every event. */
const SWEEP_INTERVAL_MS = 600_000;
/** Differences that are known of, those without content included. */
const MOST_ROWS = 10_000;
/** What could not be made is tried again after so long, ms: other settings or a healthier disk may let it. */
const FAILED_LIFETIME_MS = 24 * 3_600_000;

/** Keeps the differences that are used, within what they may take together. */
@Injectable()
export class DeltaStore implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger("Deltas");
  readonly #used = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly settings: Settings,
    private readonly repository: DeltasRepository,
    private readonly blobs: BlobCatalog,
    private readonly clock: Clock,
    private readonly metrics: DeltaMetrics,
  ) {}

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => this.look(), SWEEP_INTERVAL_MS).unref();
    this.look();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.#timer);
    await this.inTurn(() => this.writeUsed()).catch((error) => this.#logger.warn(`Uses were not noted: ${error}`));
  }

  /** Notes that a difference was asked for; written behind. */
  use(deltaId: string): void {
    this.#used.set(deltaId, this.clock.now());
  }

  /** Forgets a difference, and its content unless something else refers to it. */
  drop(deltaId: string): Promise<void> {
    return this.inTurn(() => this.dropNow(deltaId));
  }

  /** Lets the least recently used go until all together take what they may. */
  evict(): Promise<void> {
    return this.inTurn(() => this.evictNow());
  }

  /** Forgets what is between files that no bundle has any more, and what could not be made a day ago; then as {@link evict}. */
  sweep(): Promise<void> {
    return this.inTurn(async () => {
      const failedBefore = this.clock.now() - FAILED_LIFETIME_MS;
      for (let found = await this.repository.outdated(failedBefore); found.length > 0; ) {
        for (const deltaId of found) await this.dropNow(deltaId);
        found = await this.repository.outdated(failedBefore);
      }
      await this.evictNow();
    });
  }

  private look(): void {
    this.sweep().catch((error) => this.#logger.error(`Differences were not swept: ${error}`));
  }

  private async evictNow(): Promise<void> {
    await this.writeUsed();
    const limits = { bytes: this.settings.deltaStoreBytes, count: MOST_ROWS };
    const { count, bytes } = await this.repository.total();
    if (count > limits.count || bytes > limits.bytes) {
      for (const deltaId of evictions(await this.repository.kept(), limits)) await this.dropNow(deltaId);
    }
    this.metrics.storeBytes.set((await this.repository.total()).bytes);
  }

  private async dropNow(deltaId: string): Promise<void> {
    this.#used.delete(deltaId);
    const content = await this.repository.drop(deltaId);
    if (content !== undefined) await this.blobs.release(content.digest, content.putAt);
  }

  private async writeUsed(): Promise<void> {
    const used = new Map(this.#used);
    this.#used.clear();
    await this.repository.touch(used);
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
