/** Asks the origin, with the headers that a cache adds. */
export type Origin = (path: string, headers: Record<string, string>) => Promise<Response>;

interface Kept {
  readonly etag: string;
  /** Length of the whole; what is kept may be its beginning only. */
  readonly bytes: number;
  readonly content: Buffer;
  readonly immutable: boolean;
  readonly expiresAt: number;
}

/**
 * A cache that keeps to RFC 9111: it keeps what may be kept and serves it while it is fresh, asks whether what is stale has changed, and completes what
 * broke off (section 3.3 and 3.4, by a strong ETag). It knows nothing of bundles.
 */
export class CachingClient {
  readonly #kept = new Map<string, Kept>();
  /** Requests that reached the origin, by their paths, and content that came from there. */
  readonly asked = new Map<string, number>();
  receivedBytes = 0;
  now = 0;

  constructor(private readonly origin: Origin) {}

  /**
   * Content of an address.
   *
   * @param breaksAt the transfer breaks off after so many bytes
   * @returns undefined where it broke off
   */
  async get(path: string, options: { reload?: boolean; breaksAt?: number } = {}): Promise<Uint8Array | undefined> {
    const known = this.#kept.get(path);
    const whole = known !== undefined && known.content.byteLength === known.bytes;
    if (known !== undefined && whole && this.isFresh(known, options.reload === true)) return known.content;
    const condition: Record<string, string> =
      known === undefined
        ? {}
        : whole
          ? { "if-none-match": known.etag }
          : { range: `bytes=${known.content.byteLength}-`, "if-range": known.etag };
    this.asked.set(path, (this.asked.get(path) ?? 0) + 1);
    const reply = await this.origin(path, condition);
    const received = Buffer.from(await reply.arrayBuffer()).subarray(0, options.breaksAt);
    this.receivedBytes += received.byteLength;
    if (reply.status === 304 && known !== undefined) {
      this.keep(path, reply, known.bytes, known.content, known.etag);
      return known.content;
    }
    const etag = reply.headers.get("etag") ?? "";
    if (reply.status === 206 && known !== undefined) {
      const [, first, bytes] = /^bytes (\d+)-\d+\/(\d+)$/.exec(reply.headers.get("content-range") ?? "") ?? [];
      if (etag !== known.etag || Number(first) !== known.content.byteLength || Number(bytes) !== known.bytes) {
        throw new Error("the origin sent a part of something else");
      }
      return this.keep(path, reply, known.bytes, Buffer.concat([known.content, received]), etag);
    }
    if (reply.status !== 200) throw new Error(`the origin answered ${reply.status}`);
    return this.keep(path, reply, Number(reply.headers.get("content-length")), received, etag);
  }

  private keep(path: string, reply: Response, bytes: number, content: Buffer, etag: string): Uint8Array | undefined {
    const directives = (reply.headers.get("cache-control") ?? "").split(",").map((each) => each.trim());
    const [, seconds] = /^max-age=(\d+)$/.exec(directives.find((each) => each.startsWith("max-age=")) ?? "") ?? [];
    // Answers to requests that came with a credential are for everybody only where they say so (section 3.5).
    if (directives.includes("public") && seconds !== undefined && etag.startsWith('"')) {
      const immutable = directives.includes("immutable");
      this.#kept.set(path, { etag, bytes, content, immutable, expiresAt: this.now + Number(seconds) * 1_000 });
    }
    return content.byteLength === bytes ? content : undefined;
  }

  /** Whether it is served unasked; a reload asks, but not for what never changes (RFC 8246). */
  private isFresh({ expiresAt, immutable }: Kept, reload: boolean): boolean {
    return this.now < expiresAt && (!reload || immutable);
  }
}
