import { createHash } from "node:crypto";
import { SartorError } from "@sartor/shared/errors";
import {
  type BundleManifest,
  bundleManifestSchema,
  type ChunkRef,
  describeProblems,
  LIMITS,
} from "@sartor/shared/protocol";
import { type HttpAnswer, httpGet, readBody, type TlsIdentity } from "../platform/index.js";

/** A transfer is given up when no byte arrives for this long, ms. */
const IDLE_TIMEOUT_MS = 30_000;

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
  openChunk(chunk: ChunkRef, offset: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/** Fetches bundles over HTTPS with the device's own certificate. */
export class HttpBundleSource implements BundleSource {
  readonly #baseUrl: URL;
  readonly #tls: TlsIdentity;

  constructor(identity: { httpUrl: string; tls: TlsIdentity }) {
    this.#baseUrl = new URL(identity.httpUrl);
    this.#tls = identity.tls;
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
    const answer = await this.#get(`/api/v1/bundles/${bundleId}/manifest`, manifestBytes, {}, signal);
    if (answer.status === 404) {
      answer.discard();
      throw new SartorError("SRT_BUNDLE_UNKNOWN", `The control plane has no bundle ${bundleId}.`);
    }
    expectStatus(answer, 200, "the manifest");
    const bytes = await readBody(answer);
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    if (digest !== bundleId || bytes.byteLength !== manifestBytes) {
      throw new SartorError(
        "SRT_DIGEST_MISMATCH",
        `The manifest of ${bundleId} (${manifestBytes} bytes) arrived with ${bytes.byteLength} bytes and the digest ${digest}.`,
      );
    }
    const result = bundleManifestSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
    if (!result.success) {
      const problems = describeProblems(result.error);
      throw new SartorError(
        "SRT_MESSAGE_INVALID",
        `The bundle manifest does not fit its schema: ${problems.join("; ")}`,
      );
    }
    return { bytes, manifest: result.data };
  }

  async openChunk(chunk: ChunkRef, offset: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const answer = await this.#get(`/api/v1/chunks/${chunk.digest}`, chunk.bytes - offset, headers, signal);
    expectStatus(answer, offset > 0 ? 206 : 200, `chunk ${chunk.digest}`);
    return answer.body;
  }

  #get(path: string, maximumBytes: number, headers: Record<string, string>, signal: AbortSignal): Promise<HttpAnswer> {
    const url = new URL(this.#baseUrl);
    url.pathname = url.pathname.replace(/\/$/, "") + path;
    return httpGet(url, {
      tls: this.#tls,
      headers: { ...headers, "accept-encoding": "identity" },
      maximumBytes,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      signal,
    });
  }
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
