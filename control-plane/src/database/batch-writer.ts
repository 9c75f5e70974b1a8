import { isDatabaseAway } from "./database-failure.js";

/** When a batch is written. */
export interface BatchWriterOptions {
  /** Written as soon as it holds this many items. */
  readonly maximumItems: number;
  /** Written at the latest this long after its first item, ms; 0 writes in the next turn of the event loop. */
  readonly maximumWaitMs: number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Write-behind: collects items and writes them together, because a transaction a message would cost a sync each.
 * `add` resolves after its batch is committed, so that whoever waits for it (an MQTT acknowledgement) never promises
 * more than the disk holds. Batches are written one after the other, in the order of their items. A batch that cannot be
 * written is written again item by item, so that what one device sent never costs another device its acknowledgement.
 */
export class BatchWriter<Item, Result = void> {
  readonly #options: BatchWriterOptions;
  readonly #write: (items: readonly Item[]) => Promise<readonly Result[] | undefined>;
  #waiting: Waiting<Item, Result>[] = [];
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  #running: Promise<void> | undefined;

  /**
   * @param write writes one batch, all or nothing; may give a result an item, in their order; called again with single
   *   items when it failed
   */
  constructor(options: BatchWriterOptions, write: (items: readonly Item[]) => Promise<readonly Result[] | undefined>) {
    this.#options = options;
    this.#write = write;
  }

  /** Items that wait for their batch. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Adds an item; resolves once it is committed, rejects when it could not be written. */
  add(item: Item): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#waiting.length >= this.#options.maximumItems) this.#start();
      else this.#schedule();
    });
  }

  /** Writes everything that waits now and resolves when nothing is left. Failures go to whoever added the items. */
  async flush(): Promise<void> {
    this.#start();
    while (this.#running !== undefined) await this.#running;
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#running !== undefined) return;
    const wait = this.#options.maximumWaitMs;
    this.#timer = wait === 0 ? setImmediate(() => this.#start()) : setTimeout(() => this.#start(), wait);
  }

  #start(): void {
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer as NodeJS.Timeout);
      clearImmediate(this.#timer as NodeJS.Immediate);
      this.#timer = undefined;
    }
    if (this.#running !== undefined || this.#waiting.length === 0) return;
    this.#running = this.#drain().finally(() => {
      this.#running = undefined;
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  /** Writes batches until less than a full one waits; what came in meanwhile has already waited for one batch. */
  async #drain(): Promise<void> {
    do {
      const batch = this.#waiting.splice(0, this.#options.maximumItems);
      await this.#writeOne(batch);
    } while (this.#waiting.length > 0);
  }

  async #writeOne(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#write(batch.map((waiting) => waiting.item));
      batch.forEach((waiting, index) => {
        waiting.resolve(results?.[index] as Result);
      });
    } catch (error) {
      // When the database itself is away, a thousand further attempts would only make everybody wait.
      if (batch.length === 1 || isDatabaseAway(error)) for (const waiting of batch) waiting.reject(error);
      else for (const waiting of batch) await this.#writeOne([waiting]);
    }
  }
}
