import { createHash } from "node:crypto";
import { SartorError } from "@sartor/shared/errors";
import {
  type BundleManifest,
  bundleManifestSchema,
  type ChunkRef,
  type Digest,
  deltaPath,
  describeProblems,
  digestSchema,
  errorReplySchema,
  LIMITS,
} from "@sartor/shared/protocol";
import { z } from "zod";
import {
  BandwidthLimit,
  type HttpAnswer,
  type HttpsLine,
  httpGet,
  type MinimumRate,
  readBody,
  SLOWEST_DELIVERY,
} from "../platform/index.js";

/** How long a source is waited for. */
export interface Patience {
  /** A transfer is given up when no byte arrives for this long, ms. */
  readonly idleTimeoutMs: number;
  /** Or when less arrives. */
  readonly minimumRate: MinimumRate;
}

/** How often something whose digest is wrong is fetched before it is given up: the same damage three times is in the source. */
export const DAMAGED_TRIES = 3;

/** The control plane may be at the other end of a slow line. */
export const LONG_PATIENCE: Patience = { idleTimeoutMs: 30_000, minimumRate: SLOWEST_DELIVERY };

/** Longest ETag that is kept. */
const MAXIMUM_ETAG = 256;

/** A bundle as a verified order names it: the digest of its manifest, and the manifest's signed length. */
export interface OrderedBundle {
  readonly bundleId: string;
  readonly manifestBytes: number;
}

/** Where bundles come from: the control plane, or any proxy in front of it. */
export interface BundleSource {
  /** The manifest's exact bytes, of the ordered length and with the digest that is the bundle's id, and what they say. */
  fetchManifest(bundle: OrderedBundle, signal: AbortSignal): Promise<{ bytes: Uint8Array; manifest: BundleManifest }>;
  /** One chunk's bytes from `offset` on, as they arrive. The caller checks the digest. */
  openChunk(chunk: ChunkRef, offset: number, signal: AbortSignal): Promise<ChunkContent>;
  /** The difference from files that the device holds to a file of a bundle, or why there is none. @throws SartorError SRT_DOWNLOAD_FAILED */
  openDelta(request: DeltaRequest, signal: AbortSignal): Promise<DeltaReply>;
}

/** A chunk as it arrives. */
export interface ChunkContent {
  readonly body: AsyncIterable<Uint8Array>;
  /** Tells the source that what it brought is not the chunk. */
  readonly refuse?: () => void;
}

/** Which difference, and how much of it is here already. */
export interface DeltaRequest {
  readonly bundleId: Digest;
  readonly file: Digest;
  readonly bases: readonly Digest[];
  /** What a former attempt brought: `bytes` of the content that has this ETag. */
  readonly partial: { readonly etag: string; readonly bytes: number } | undefined;
  /** A longer one is cut off, bytes. */
  readonly maximumBytes: number;
}

/** What becomes of a request for a difference. */
export type DeltaReply =
  /** Its content from `offset` on: 0, or where the former attempt ended. */
  | {
      readonly kind: "content";
      readonly etag: string;
      readonly offset: number;
      readonly totalBytes: number;
      readonly body: AsyncIterable<Uint8Array>;
    }
  /** It is being made. */
  | { readonly kind: "pending"; readonly retryAfterMs: number }
  /** These are no files there; it may be asked for without them. */
  | { readonly kind: "unknown"; readonly digests: readonly Digest[] }
  /** There is none, or it cannot be used. */
  | { readonly kind: "none"; readonly reason: string };

/** Longest head of an answer that says why there is no difference, bytes. */
const MAXIMUM_REFUSAL_BYTES = 16 * 1024;
/** Longest pause that is believed, s. */
const MAXIMUM_RETRY_SECONDS = 3_600;

export interface HttpBundleSourceOptions {
  readonly httpUrl: string;
  readonly tls: HttpsLine;
  /** Shared by all downloads. */
  readonly bandwidth?: BandwidthLimit;
  readonly patience?: Patience;
  /** How requests are sent; over HTTPS by default. */
  readonly get?: typeof httpGet;
}

/** Fetches bundles over HTTPS with the device's own certificate. */
export class HttpBundleSource implements BundleSource {
  readonly #baseUrl: URL;
  readonly #tls: HttpsLine;
  readonly #bandwidth: BandwidthLimit;
  readonly #patience: Patience;
  readonly #send: typeof httpGet;

  constructor(options: HttpBundleSourceOptions) {
    const { httpUrl, tls, bandwidth = new BandwidthLimit(undefined), patience = LONG_PATIENCE } = options;
    this.#baseUrl = new URL(httpUrl);
    this.#tls = tls;
    this.#patience = patience;
    this.#send = options.get ?? httpGet;
    this.#bandwidth = bandwidth;
  }

  /** @throws SartorError SRT_BUNDLE_UNKNOWN, SRT_DIGEST_MISMATCH, SRT_MESSAGE_INVALID, SRT_DOWNLOAD_FAILED */
  async fetchManifest(
    { bundleId, manifestBytes }: OrderedBundle,
    signal: AbortSignal,
  ): Promise<{ bytes: Uint8Array; manifest: BundleManifest }> {
    if (manifestBytes > LIMITS.bundleManifestBytes) {
      throw new SartorError(
        "SRT_MESSAGE_INVALID",
        `The manifest of ${bundleId} was signed with ${manifestBytes} bytes; at most ${LIMITS.bundleManifestBytes} are accepted.`,
      );
    }
    const bytes = await this.#manifestOf(bundleId, manifestBytes, signal);
    const result = bundleManifestSchema.safeParse(parseManifest(bytes));
    if (!result.success) {
      const problems = describeProblems(result.error);
      throw new SartorError(
        "SRT_MESSAGE_INVALID",
        `The bundle manifest does not fit its schema: ${problems.join("; ")}`,
      );
    }
    return { bytes, manifest: result.data };
  }

  /** A manifest's bytes. What arrives damaged is fetched again, as chunks are: a line or a cache may damage it once. */
  async #manifestOf(bundleId: string, manifestBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    for (let tries = 1; ; tries++) {
      const bytes = await this.#receiveManifest(bundleId, manifestBytes, signal);
      const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
      if (digest === bundleId && bytes.byteLength === manifestBytes) return bytes;
      if (tries >= DAMAGED_TRIES) {
        throw new SartorError(
          "SRT_DIGEST_MISMATCH",
          `The manifest of ${bundleId} (${manifestBytes} bytes) arrived ${tries} times with other content, last with ${bytes.byteLength} bytes and the digest ${digest}.`,
        );
      }
    }
  }

  async #receiveManifest(bundleId: string, manifestBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const answer = await this.#get(`/api/v1/bundles/${bundleId}/manifest`, manifestBytes, {}, signal);
    if (answer.status === 404) {
      answer.discard();
      throw new SartorError("SRT_BUNDLE_UNKNOWN", `The control plane has no bundle ${bundleId}.`);
    }
    expectStatus(answer, 200, "the manifest");
    return readBody(answer);
  }

  async openChunk(chunk: ChunkRef, offset: number, signal: AbortSignal): Promise<ChunkContent> {
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const answer = await this.#get(`/api/v1/chunks/${chunk.digest}`, chunk.bytes - offset, headers, signal);
    expectStatus(answer, offset > 0 ? 206 : 200, `chunk ${chunk.digest}`);
    return { body: this.#held(answer.body, signal) };
  }

  async openDelta(request: DeltaRequest, signal: AbortSignal): Promise<DeltaReply> {
    const { partial, maximumBytes } = request;
    const headers: Record<string, string> =
      partial === undefined ? {} : { range: `bytes=${partial.bytes}-`, "if-range": partial.etag };
    const path = deltaPath(request.bundleId, request.file, request.bases);
    const answer = await this.#get(path, Math.max(maximumBytes, MAXIMUM_REFUSAL_BYTES), headers, signal);
    if (answer.status === 200 || answer.status === 206) return this.#deltaContent(request, answer, signal);
    if (answer.status === 416) {
      // Another content of that name is shorter than what is here.
      answer.discard();
      return partial === undefined
        ? { kind: "none", reason: "status 416" }
        : this.openDelta({ ...request, partial: undefined }, signal);
    }
    if (answer.status === 202) {
      const seconds = Number(answer.headers["retry-after"]);
      answer.discard();
      const wait = Number.isFinite(seconds) ? Math.min(Math.max(seconds, 1), MAXIMUM_RETRY_SECONDS) : 1;
      return { kind: "pending", retryAfterMs: wait * 1_000 };
    }
    return refusalOf(answer);
  }

  #deltaContent({ partial, maximumBytes }: DeltaRequest, answer: HttpAnswer, signal: AbortSignal): DeltaReply {
    const { status, headers } = answer;
    const { etag } = headers;
    const length = Number(headers["content-length"]);
    const offset = status === 206 ? (partial?.bytes ?? 0) : 0;
    const range = status === 206 ? `bytes ${offset}-${offset + length - 1}/${offset + length}` : undefined;
    const totalBytes = offset + length;
    const isSound =
      Number.isSafeInteger(length) &&
      length > 0 &&
      totalBytes <= maximumBytes &&
      etag !== undefined &&
      etag.length <= MAXIMUM_ETAG &&
      (status === 200 || (partial !== undefined && etag === partial.etag && headers["content-range"] === range));
    if (!isSound) {
      answer.discard();
      return {
        kind: "none",
        reason: `an answer of ${totalBytes} bytes, ETag ${etag}, that does not fit what was asked`,
      };
    }
    return { kind: "content", etag, offset, totalBytes, body: this.#held(answer.body, signal) };
  }

  /** As it arrives, no faster than may be. */
  async *#held(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for await (const piece of body) {
      yield piece;
      await this.#bandwidth.take(piece.byteLength, signal);
    }
  }

  #get(path: string, maximumBytes: number, headers: Record<string, string>, signal: AbortSignal): Promise<HttpAnswer> {
    const url = new URL(this.#baseUrl);
    const [pathname, query = ""] = path.split("?");
    url.pathname = url.pathname.replace(/\/$/, "") + pathname;
    url.search = query;
    return this.#send(url, {
      tls: this.#tls,
      headers: { ...headers, "accept-encoding": "identity" },
      maximumBytes,
      ...this.#patience,
      signal,
    });
  }
}

/** @throws SartorError SRT_MESSAGE_INVALID: it is signed as it is, another attempt would bring the same */
function parseManifest(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new SartorError("SRT_MESSAGE_INVALID", "The bundle manifest is not JSON.", { cause });
  }
}

/** What an answer says that brings no difference. */
async function refusalOf(answer: HttpAnswer): Promise<DeltaReply> {
  let code: string | undefined;
  try {
    const body = errorReplySchema.parse(JSON.parse(new TextDecoder().decode(await readBody(answer))));
    ({ code } = body.error);
    const unknown = z.array(digestSchema).min(1).safeParse(body.error.details?.digests);
    if (code === "SRT_BLOB_UNKNOWN" && unknown.success) return { kind: "unknown", digests: unknown.data };
  } catch {
    // Whoever answered is no control plane that offers differences.
  }
  return { kind: "none", reason: code ?? `status ${answer.status}` };
}

function expectStatus(answer: HttpAnswer, status: number, what: string): void {
  if (answer.status === status) return;
  answer.discard();
  throw new SartorError(
    "SRT_DOWNLOAD_FAILED",
    `The control plane answered the request for ${what} with status ${answer.status}.`,
    {
      details: { status: answer.status },
    },
  );
}
