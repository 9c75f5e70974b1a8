import { SartorError } from "@sartor/shared/errors";
import type { BundleManifest, ChunkRef } from "@sartor/shared/protocol";
import type { Clock, Logger } from "../platform/index.js";
import type { BundleSource, ChunkContent, DeltaReply, DeltaRequest, OrderedBundle } from "./bundle-source.js";

/** A source that failed is left alone for so long, ms; each time in a row twice as long, up to the longest. */
const REST_MS = { first: 30_000, longest: 1_800_000 };

/** After so long without another failure the next one is the first again, ms: what was delivered in between may have been lies. */
const FORGOTTEN_MS = 6 * 3_600_000;

/**
 * What a cache answers when it is the control plane that it cannot reach, or when it has enough to do or no room: the next source is asked for this
 * piece, and the cache is as good as before for the next one. Else a whole site would turn to the control plane after each short outage.
 */
const EXCUSES: readonly unknown[] = [429, 502, 503, 507];

/** A neighbour that may have what the control plane has. */
export interface NearbySource {
  /** As people know it: its address. */
  readonly name: string;
  readonly source: BundleSource;
}

export interface NearestSourceOptions {
  /** In the order in which they are asked. */
  readonly nearby: readonly NearbySource[];
  /** The control plane, which is asked where nobody else has it. */
  readonly origin: BundleSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called with the first failure of a neighbour in a row. */
  readonly onFailed?: (name: string, error: SartorError) => void;
}

/**
 * Asks neighbours first, then the control plane. A neighbour is not trusted with anything: what it brings is checked as everything is. One that
 * does not answer, breaks off or brings something wrong is left alone for a while, and that is told once.
 */
export class NearestSource implements BundleSource {
  readonly #is: NearestSourceOptions;
  /** Failures in a row, and until when it rests, by name. */
  readonly #resting = new Map<string, { readonly failures: number; readonly restMs: number; readonly until: number }>();

  constructor(options: NearestSourceOptions) {
    this.#is = options;
  }

  fetchManifest(bundle: OrderedBundle, signal: AbortSignal): Promise<{ bytes: Uint8Array; manifest: BundleManifest }> {
    return this.#first((source) => source.fetchManifest(bundle, signal), signal);
  }

  openChunk(chunk: ChunkRef, offset: number, signal: AbortSignal): Promise<ChunkContent> {
    return this.#first(async (source, name) => {
      const content = await source.openChunk(chunk, offset, signal);
      if (name === undefined) return content;
      const refuse = () =>
        this.#fail(name, new SartorError("SRT_DIGEST_MISMATCH", `It is not the chunk ${chunk.digest}.`));
      return { body: this.#watched(content.body, name, signal), refuse };
    }, signal);
  }

  /** Where a neighbour has none, the control plane is asked: it may have been made since. */
  async openDelta(request: DeltaRequest, signal: AbortSignal): Promise<DeltaReply> {
    for (const { name, source } of this.#awake()) {
      try {
        const reply = await source.openDelta(request, signal);
        if (reply.kind !== "content") continue;
        return { ...reply, body: this.#watched(reply.body, name, signal) };
      } catch (thrown) {
        signal.throwIfAborted();
        this.#fail(name, thrown);
      }
    }
    return this.#is.origin.openDelta(request, signal);
  }

  /** The first answer; the name is undefined where the control plane is asked. */
  async #first<T>(
    ask: (source: BundleSource, name: string | undefined) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    for (const { name, source } of this.#awake()) {
      try {
        return await ask(source, name);
      } catch (thrown) {
        signal.throwIfAborted();
        this.#fail(name, thrown);
      }
    }
    return ask(this.#is.origin, undefined);
  }

  #awake(): NearbySource[] {
    return this.#is.nearby.filter(({ name }) => !this.#rests(name));
  }

  #rests(name: string): boolean {
    const known = this.#resting.get(name);
    if (known === undefined) return false;
    const leftMs = known.until - this.#is.clock.now();
    // A clock that was set back must not let anybody rest for years.
    return leftMs > 0 && leftMs <= known.restMs;
  }

  async *#watched(body: AsyncIterable<Uint8Array>, name: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (thrown) {
      if (!signal.aborted) this.#fail(name, thrown);
      throw thrown;
    }
  }

  #fail(name: string, thrown: unknown): void {
    if (thrown instanceof SartorError && EXCUSES.includes(thrown.details?.status)) return;
    // Several requests may have been under way: they failed together.
    if (this.#rests(name)) return;
    const now = this.#is.clock.now();
    const known = this.#resting.get(name);
    const failures = known !== undefined && now - known.until < FORGOTTEN_MS ? known.failures + 1 : 1;
    const restMs = Math.min(REST_MS.longest, REST_MS.first * 2 ** Math.min(failures - 1, 16));
    this.#resting.set(name, { failures, restMs, until: now + restMs });
    const error = SartorError.from(thrown, "SRT_DOWNLOAD_FAILED");
    const { code, message } = error;
    if (failures === 1) this.#is.onFailed?.(name, error);
    const level = failures === 1 ? "warn" : "debug";
    this.#is.logger[level]("a site cache is left alone for a while; the control plane is asked instead", {
      cache: name,
      restS: restMs / 1_000,
      code,
      message,
    });
  }
}
