import { type ErrorCode, SartorError } from "@sartor/shared/errors";
import { type ErrorReply, parseByteRange } from "@sartor/shared/protocol";
import type { Logger } from "../../platform/index.js";
import type { Content } from "./content.js";
import { type ContentAddress, parseContentAddress } from "./content-address.js";
import { ContentFlight, type FetchContent } from "./content-flight.js";
import type { ContentStore } from "./content-store.js";
import type { InstalledContent } from "./installed-content.js";

/** More are not fetched at the same time; who asks for one more is sent to the control plane. */
const MOST_FLIGHTS = 32;
/** Content under its own digest never changes. */
const FOR_EVER = "public, max-age=31536000, immutable";

/** What is asked. */
export interface CacheRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What is answered. */
export interface CacheAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  /** Whoever took the answer calls it, once, whether the body was read or not. */
  close(): Promise<void>;
}

export interface SiteCacheOptions {
  readonly installed: Pick<InstalledContent, "open">;
  readonly store: ContentStore;
  readonly fetch: FetchContent;
  readonly logger: Logger;
  /** Ends what is on its way. */
  readonly signal: AbortSignal;
}

/** Bytes that came and went since the start. */
export interface SiteCacheTotals {
  /** Requests that the bundles on this disk, or what is kept, could answer. */
  readonly held: number;
  /** Requests that had to wait for the control plane, alone or with others. */
  readonly waited: number;
  /** Times that the control plane was asked. */
  readonly fetched: number;
}

/**
 * Content of bundles for a whole site: what lies on this disk, and for the rest the control plane, asked once however many want it. Everything has a
 * digest that it was compared with; who gets it compares again, since a cache is never trusted.
 */
export class SiteCache {
  readonly #is: SiteCacheOptions;
  /** By address. */
  readonly #flights = new Map<string, ContentFlight>();
  #held = 0;
  #waited = 0;
  #fetched = 0;

  constructor(options: SiteCacheOptions) {
    this.#is = options;
  }

  get totals(): SiteCacheTotals {
    return { held: this.#held, waited: this.#waited, fetched: this.#fetched };
  }

  /** Answers a GET or HEAD as the control plane would; never throws. */
  async answer(request: CacheRequest): Promise<CacheAnswer> {
    if (request.method !== "GET" && request.method !== "HEAD")
      return refusal("SRT_METHOD_NOT_ALLOWED", "Content can be read, and nothing else.", { allow: "GET, HEAD" });
    const address = parseContentAddress(request.target);
    if (address === undefined) return refusal("SRT_NOT_FOUND", "A site cache has manifests, chunks and differences.");
    try {
      const found = await this.#open(address);
      return "status" in found ? found : await contentAnswer(address, found, request);
    } catch (thrown) {
      const { code, message } = SartorError.from(thrown);
      return refusal(code, message);
    }
  }

  /** Resolves when nothing is fetched any more; abort the signal first. */
  async ended(): Promise<void> {
    await Promise.all([...this.#flights.values()].map(({ ended }) => ended));
  }

  async #open(address: ContentAddress): Promise<Content | CacheAnswer> {
    const { installed, store } = this.#is;
    let flight: ContentFlight | undefined;
    for (;;) {
      const here = (await installed.open(address)) ?? (await store.open(address.key));
      if (here !== undefined) {
        this.#held += 1;
        return here;
      }
      flight = this.#flights.get(address.key);
      // While this looked at the disk, one may have ended, and is kept now.
      if (flight?.isOver === true) await flight.ended;
      else if (flight !== undefined || !store.has(address.key)) break;
    }
    flight ??= this.#begin(address);
    if (flight === undefined) return busy();
    this.#waited += 1;
    const head = await flight.head;
    if (head.kind === "content") return flight.follow(head);
    const { status, headers, body } = head.answer;
    return { status, headers: { ...headers, "cache-control": "no-store" }, body: once(body), close: nothing };
  }

  #begin(address: ContentAddress): ContentFlight | undefined {
    const { fetch, store, signal, logger } = this.#is;
    if (signal.aborted || this.#flights.size >= MOST_FLIGHTS) return undefined;
    this.#fetched += 1;
    logger.debug("the site cache asks the control plane", { path: address.path });
    const flight = new ContentFlight(address, fetch, store, signal);
    this.#flights.set(address.key, flight);
    void flight.ended.then(() => this.#flights.delete(address.key));
    return flight;
  }
}

/** An answer that says why there is no content. */
export function refusal(code: ErrorCode, message: string, headers: Readonly<Record<string, string>> = {}): CacheAnswer {
  const { status } = new SartorError(code, message);
  const reply: ErrorReply = { error: { code, message } };
  const body = Buffer.from(JSON.stringify(reply));
  return {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
    body: once(body),
    close: nothing,
  };
}

export const busy = () =>
  refusal("SRT_RATE_LIMITED", "This site cache has enough to do; ask the control plane.", { "retry-after": "5" });

/** Whole, a range of it, or that the client holds it (RFC 9110, sections 13 and 14). */
async function contentAnswer(
  address: ContentAddress,
  content: Content,
  { method, headers }: CacheRequest,
): Promise<CacheAnswer> {
  const { digest, totalBytes } = content;
  const etag = `"${digest}"`;
  const known = { etag, "cache-control": FOR_EVER };
  const close = () => content.close();
  const none = once();
  if (headers["if-none-match"] === etag) return { status: 304, headers: known, body: none, close };
  const ifRange = headers["if-range"];
  const wanted = method === "GET" && (ifRange === undefined || ifRange === etag) ? headers.range : undefined;
  const range = parseByteRange(typeof wanted === "string" ? wanted : undefined, totalBytes);
  if (range.kind === "unsatisfiable") {
    await close();
    const message = `The content has ${totalBytes} bytes; "${wanted}" lies outside.`;
    return refusal("SRT_RANGE_NOT_SATISFIABLE", message, { "content-range": `bytes */${totalBytes}` });
  }
  const { start, end } = range.kind === "part" ? range : { start: 0, end: totalBytes - 1 };
  return {
    status: range.kind === "part" ? 206 : 200,
    headers: {
      ...known,
      "accept-ranges": "bytes",
      "content-type": address.contentType,
      "content-length": String(end - start + 1),
      ...(range.kind === "part" ? { "content-range": `bytes ${start}-${end}/${totalBytes}` } : {}),
    },
    body: method === "HEAD" ? none : content.read(start, end),
    close,
  };
}

async function* once(body?: Uint8Array): AsyncGenerator<Uint8Array> {
  if (body !== undefined) yield body;
}

const nothing = () => Promise.resolve();
