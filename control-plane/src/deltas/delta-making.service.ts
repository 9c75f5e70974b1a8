import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import { Clock } from "../config/index.js";
import { BlobStore } from "../storage/index.js";
import { DeltaMaker, type MadeDelta } from "./delta-maker.service.js";
import { DeltaMetrics } from "./delta-metrics.js";
import { type DeltaPair, deltaIdOf } from "./delta-pair.js";
import { type DeltaPlace, DeltaQueue } from "./delta-queue.js";
import { DeltaStore } from "./delta-store.service.js";
import { type DeltaRecord, DeltasRepository } from "./deltas.repository.js";

/** Most that wait, and most of one device. */
const LIMITS = { waiting: 32, ofOne: 4 };
/** Who asks ahead of the devices, and how much of the queue that may take. */
const AHEAD = { by: "", most: 16 };
/** A making that ends so often without a word (a killed worker, a killed server) is given up. */
const MOST_ATTEMPTS = 3;

interface QueuedDelta extends DeltaPair {
  readonly deltaId: string;
  /** Of the target. */
  readonly bytes: number;
}

/**
 * Makes what is asked for, one difference at a time. What waits is in memory: whoever asked asks again after a restart. What was begun is in the
 * database, and is made anew by the next process.
 */
@Injectable()
export class DeltaMaking implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger("Deltas");
  readonly #queue = new DeltaQueue<QueuedDelta>(LIMITS);
  readonly #stopping = new AbortController();
  #working = false;
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly repository: DeltasRepository,
    private readonly maker: DeltaMaker,
    private readonly kept: DeltaStore,
    private readonly store: BlobStore,
    private readonly clock: Clock,
    private readonly metrics: DeltaMetrics,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    for (const { target, bases, fullBytes } of await this.repository.unfinished()) {
      this.askAhead({ target, bases }, fullBytes);
    }
  }

  /** Ends the worker; its difference is made at the next start. */
  async onModuleDestroy(): Promise<void> {
    this.#stopping.abort(new SartorError("SRT_UNAVAILABLE", "The control plane stops."));
    await this.#running;
  }

  /** A device asks for a difference that is not there; `bytes` is the target's length. */
  ask(pair: DeltaPair, bytes: number, deviceId: string): DeltaPlace {
    return this.add(pair, bytes, deviceId, LIMITS.ofOne);
  }

  /** As {@link ask}, before a device does. */
  askAhead(pair: DeltaPair, bytes: number): DeltaPlace {
    return this.add(pair, bytes, AHEAD.by, AHEAD.most);
  }

  /** Whether a difference has yet to be made: it was never made, or its content was lost. */
  async isToBeMade(known: DeltaRecord | undefined): Promise<boolean> {
    if (known === undefined || known.state === "making") return true;
    if (known.content === undefined) return false;
    return (await this.store.size(known.content.digest)) !== known.content.bytes;
  }

  /** Resolves when nothing is being made and nothing waits, or this stops. */
  idle(): Promise<void> {
    return this.#running;
  }

  private add({ target, bases }: DeltaPair, bytes: number, by: string, ofOne: number): DeltaPlace {
    if (this.#stopping.signal.aborted) return { kind: "full" };
    const place = this.#queue.add({ deltaId: deltaIdOf({ target, bases }), target, bases, bytes }, by, ofOne);
    this.metrics.waiting.set(this.#queue.length);
    if (!this.#working) {
      this.#working = true;
      this.#running = this.work();
    }
    return place;
  }

  /** Makes what waits until nothing does. Never rejects. */
  private async work(): Promise<void> {
    for (;;) {
      const next = this.#stopping.signal.aborted ? undefined : this.#queue.take();
      this.metrics.waiting.set(this.#queue.length);
      if (next === undefined) {
        // At once, so that whoever asks from now on starts it again.
        this.#working = false;
        return;
      }
      try {
        if (await this.isToBeMade(await this.repository.find(next.deltaId))) await this.make(next);
        await this.kept.evict();
      } catch (error) {
        this.#logger.error(`${nameOf(next)} was not made: ${error}`);
      } finally {
        this.#queue.end();
      }
    }
  }

  private async make(delta: QueuedDelta): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      const attempt = await this.repository.begin(delta, delta.bytes, this.clock.now());
      if (attempt > MOST_ATTEMPTS) {
        await this.giveUp(delta, `it ended ${MOST_ATTEMPTS} times without a word`);
        return;
      }
      const start = performance.now();
      try {
        const made = await this.maker.make(delta, signal);
        await this.note(delta, made, performance.now() - start);
        return;
      } catch (error) {
        if (signal.aborted) {
          await this.repository.interrupt(delta.deltaId);
          return;
        }
        if (isFinal(error) || attempt === MOST_ATTEMPTS) {
          await this.giveUp(delta, error instanceof Error ? error.message : String(error));
          return;
        }
        this.#logger.warn(`${nameOf(delta)} is tried again: ${error}`);
      }
    }
  }

  private async note(delta: QueuedDelta, made: MadeDelta, ms: number): Promise<void> {
    const { deltaId, bytes } = delta;
    if (made.kind === "unknown") {
      await this.kept.drop(deltaId);
      return;
    }
    const { chunkBytes } = made;
    const end =
      made.kind === "made" ? ({ state: "ready", ...made.blob } as const) : ({ state: "not_worth_it" } as const);
    // Of what was dropped meanwhile the content stays without an owner, and is collected.
    await this.repository.end(deltaId, end, chunkBytes, this.clock.now());
    this.metrics.made.inc({ outcome: end.state });
    this.metrics.makeSeconds.observe(ms / 1_000);
    const is = end.state === "ready" ? `takes ${end.bytes} bytes` : "is not worth it";
    this.#logger.log(
      `${nameOf(delta)} ${is}; whole it has ${bytes}, its missing chunks ${chunkBytes} (${(ms / 1_000).toFixed(1)} s).`,
    );
  }

  private async giveUp(delta: QueuedDelta, why: string): Promise<void> {
    await this.repository.end(delta.deltaId, { state: "could_not_be_made" }, null, this.clock.now());
    this.metrics.made.inc({ outcome: "could_not_be_made" });
    this.#logger.warn(`${nameOf(delta)} is given up for a day: ${why}`);
  }
}

/** Whether another attempt would end the same way. */
function isFinal(error: unknown): boolean {
  return error instanceof SartorError && (error.code === "SRT_DELTA_NOT_OFFERED" || error.code === "SRT_DELTA_INVALID");
}

const nameOf = ({ target, bases }: DeltaPair) => `The difference from ${bases.join(", ")} to ${target}`;
