import { rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { SartorError } from "@sartor/shared/errors";
import { type Digest, digestSchema } from "@sartor/shared/protocol";
import { type HttpAnswer, readBody } from "../../platform/index.js";
import { type Content, digestOf, newHash, readStretch } from "./content.js";
import type { ContentAddress } from "./content-address.js";
import type { ContentStore } from "./content-store.js";

/** How often a delivery that breaks off without a single new byte is asked for again. */
const TRIES_WITHOUT_PROGRESS = 2;

/** Asks the control plane for content, from an offset on where it was begun (`etag`: only if it is still the same). */
export type FetchContent = (
  address: ContentAddress,
  begun: { readonly offset: number; readonly etag: string } | undefined,
  signal: AbortSignal,
) => Promise<HttpAnswer>;

/** An answer of the control plane that brings no content, small enough to be passed on. */
export interface PassedOn {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** What comes of a request to the control plane. */
export type FlightHead =
  | { readonly kind: "content"; readonly digest: Digest; readonly totalBytes: number }
  | { readonly kind: "passed-on"; readonly answer: PassedOn };

/**
 * Content on its way from the control plane, which any number of readers follow while it comes. Its last byte is held back until the whole has its
 * digest: no reader ever gets to the end of something else. Then it is kept.
 */
export class ContentFlight {
  readonly #address: ContentAddress;
  readonly #fetch: FetchContent;
  readonly #store: ContentStore;
  readonly #signal: AbortSignal;
  /** What the control plane answered; rejects when it cannot be reached. */
  readonly head: Promise<FlightHead>;
  /** Resolves when nothing is fetched any more, however it ended. */
  readonly ended: Promise<void>;
  readonly #known = Promise.withResolvers<FlightHead>();
  #moved = Promise.withResolvers<void>();
  #file: FileHandle | undefined;
  #written = 0;
  #isVerified = false;
  #isOver = false;
  #failure: unknown;
  #users = 0;

  constructor(address: ContentAddress, fetch: FetchContent, store: ContentStore, signal: AbortSignal) {
    this.#address = address;
    this.#fetch = fetch;
    this.#store = store;
    this.#signal = signal;
    this.head = this.#known.promise;
    this.head.catch(() => undefined);
    this.ended = this.#run();
  }

  /** Nothing comes any more; whoever follows already reads on. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** A reader's view of it; call it once {@link head} says that there is content. */
  follow({ digest, totalBytes }: FlightHead & { kind: "content" }): Content {
    this.#users += 1;
    let isClosed = false;
    return {
      digest,
      totalBytes,
      read: (start, end) => this.#read(start, end, totalBytes),
      close: async () => {
        if (isClosed) return;
        isClosed = true;
        this.#users -= 1;
        await this.#closeIfIdle();
      },
    };
  }

  async *#read(start: number, end: number, totalBytes: number): AsyncGenerator<Uint8Array> {
    for (let at = start; at <= end; ) {
      const ready = Math.min(this.#isVerified ? totalBytes : Math.min(this.#written, totalBytes - 1), end + 1);
      if (at < ready && this.#file !== undefined) {
        for await (const piece of readStretch(this.#file, at, ready - at)) {
          at += piece.byteLength;
          yield piece;
        }
      } else if (this.#isOver) throw this.#failure ?? new Error("the content is gone");
      else await this.#moved.promise;
    }
  }

  async #run(): Promise<void> {
    const path = this.#store.temporaryPath();
    try {
      await this.#bring(path);
    } catch (error) {
      this.#failure = error;
      this.#known.reject(error);
    } finally {
      this.#isOver = true;
      rmSync(path, { force: true });
      this.#tellReaders();
      await this.#closeIfIdle();
    }
  }

  async #bring(path: string): Promise<void> {
    const answer = await this.#fetch(this.#address, undefined, this.#signal);
    if (answer.status !== 200) return this.#passOn(answer);
    const { digest, totalBytes, etag } = this.#announced(answer);
    if (!this.#store.reserve(totalBytes)) {
      answer.discard();
      throw new SartorError("SRT_DISK_FULL", `The site cache has no room for ${totalBytes} bytes.`);
    }
    try {
      this.#file = await open(path, "w+", 0o600);
      this.#known.resolve({ kind: "content", digest, totalBytes });
      await this.#write(answer, this.#file, { digest, totalBytes, etag });
      this.#store.keep(this.#address.key, digest, totalBytes, path);
      this.#isVerified = true;
    } finally {
      this.#store.release(totalBytes);
    }
  }

  /** What an answer says of its content: how long it is, and by which digest it can be checked. */
  #announced(answer: HttpAnswer): { digest: Digest; totalBytes: number; etag: string } {
    const { headers } = answer;
    const { etag = "" } = headers;
    const named = digestSchema.safeParse(/^"([^"]+)"$/.exec(etag)?.[1]);
    const digest = this.#address.digest ?? named.data;
    const totalBytes = Number(headers["content-length"]);
    if (
      digest === undefined ||
      !Number.isSafeInteger(totalBytes) ||
      totalBytes < 1 ||
      totalBytes > this.#address.mostBytes
    ) {
      answer.discard();
      throw failed(`${this.#address.path} came with the ETag ${etag} and ${headers["content-length"]} bytes`);
    }
    return { digest, totalBytes, etag };
  }

  async #write(
    first: HttpAnswer,
    file: FileHandle,
    { digest, totalBytes, etag }: { digest: Digest; totalBytes: number; etag: string },
  ): Promise<void> {
    const hash = newHash();
    let answer = first;
    for (let stalled = 0; ; ) {
      const before = this.#written;
      try {
        for await (const piece of answer.body) {
          if (this.#written + piece.byteLength > totalBytes) throw failed("more came than was announced");
          await file.write(piece, 0, piece.byteLength, this.#written);
          hash.update(piece);
          this.#written += piece.byteLength;
          this.#tellReaders();
        }
        if (this.#written === totalBytes) break;
        throw failed(`it ended after ${this.#written} of ${totalBytes} bytes`);
      } catch (error) {
        stalled = this.#written > before ? 0 : stalled + 1;
        const isOfTheDisk = (error as NodeJS.ErrnoException).syscall === "write";
        if (this.#signal.aborted || isOfTheDisk || stalled > TRIES_WITHOUT_PROGRESS) throw error;
      }
      answer = await this.#fetch(this.#address, { offset: this.#written, etag }, this.#signal);
      if (answer.status !== 206 || (etag !== "" && answer.headers.etag !== etag)) {
        answer.discard();
        throw failed(`its rest was answered with status ${answer.status}`);
      }
    }
    const actual = digestOf(hash);
    if (actual !== digest)
      throw new SartorError("SRT_DIGEST_MISMATCH", `${this.#address.path} arrived with the digest ${actual}.`);
  }

  /** Waiting, refused, unknown: nothing of it is kept, and all who wait for it get the same. */
  async #passOn(answer: HttpAnswer): Promise<void> {
    const body = await readBody(answer);
    const headers: Record<string, string> = {};
    for (const name of ["content-type", "retry-after"] as const) {
      const value = answer.headers[name];
      if (value !== undefined) headers[name] = value;
    }
    this.#known.resolve({ kind: "passed-on", answer: { status: answer.status, headers, body } });
  }

  #tellReaders(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
  }

  async #closeIfIdle(): Promise<void> {
    if (!this.#isOver || this.#users > 0) return;
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => undefined);
  }
}

const failed = (what: string) => new SartorError("SRT_DOWNLOAD_FAILED", `The control plane did not deliver: ${what}.`);
