import { SartorError } from "@sartor/shared/errors";
import { abortable, type Clock, type HttpAnswer, type HttpGetOptions, RateWatch } from "../../platform/index.js";
import type { RetrievalLimits } from "./retrieval-limits.js";
import { isTrustError } from "./trust-errors.js";

/** How a device asks for a file: `httpGet`, or the same over a connection that shows the device's certificate. Redirects are not followed. */
export type MetadataTransport = (
  url: URL,
  options: Omit<HttpGetOptions, "tls">,
) => Promise<Pick<HttpAnswer, "status" | "body">>;

/** One file to download. */
export interface Download {
  readonly url: URL;
  /** For people: "the timestamp of the image repository". */
  readonly what: string;
  readonly maximumBytes: number;
  readonly signal: AbortSignal;
}

/** What a download needs. */
export interface DownloadTools {
  readonly transport: MetadataTransport;
  readonly limits: RetrievalLimits;
  readonly clock: Clock;
}

/** What a server said, whole. */
export interface Fetched {
  readonly status: number;
  readonly body: Buffer;
}

/** A refusal may say this much, bytes, however small the file is that was asked for. */
const REFUSAL_BYTES = 16 * 1024;
/** No connection brings more at once: Node reads 64 KiB at most. */
const LARGEST_PIECE_BYTES = 64 * 1024;

/**
 * Downloads a small file whole: never more than its limit, never slower than the least rate over a window, never without a byte for the idle
 * timeout, whatever the transport does.
 *
 * @returns the bytes, or the HTTP status when it is not 200
 * @throws SartorError SRT_TRUST_UNREACHABLE (no answer, broken off, too slow), SRT_TRUST_METADATA_INVALID (too large); the signal's reason
 */
export async function downloadBounded(download: Download, tools: DownloadTools): Promise<Buffer | number> {
  const { status, body } = await fetchBounded(download, tools);
  return status === 200 ? body : status;
}

/**
 * The same, for whoever wants to read why a server refuses. A refusal is read to its end, so that the connection can be used again; one that
 * is too long is cut off.
 *
 * @throws what {@link downloadBounded} throws
 */
export async function fetchBounded(download: Download, tools: DownloadTools): Promise<Fetched> {
  const { url, what, maximumBytes, signal } = download;
  const { limits, clock } = tools;
  const { minimumRate } = limits;
  const ended = new AbortController();
  // The transport may bring one piece more than is accepted, so that the refusal is ours, and says so.
  const asked = tools.transport(url, {
    maximumBytes: Math.max(maximumBytes, REFUSAL_BYTES) + LARGEST_PIECE_BYTES,
    idleTimeoutMs: limits.idleTimeoutMs,
    minimumRate,
    headers: { "accept-encoding": "identity" },
    signal: AbortSignal.any([signal, ended.signal]),
  });
  try {
    const { status, body } = await withinIdleTimeout(asked, download, tools);
    const pieces = body[Symbol.asyncIterator]();
    const watch = new RateWatch(minimumRate);
    const received: Uint8Array[] = [];
    let bytes = 0;
    for (;;) {
      const waitingSince = clock.monotonic();
      const { done, value } = await withinIdleTimeout(pieces.next(), download, tools);
      if (done === true) return { status, body: Buffer.concat(received) };
      bytes += value.byteLength;
      if (status !== 200 && bytes > REFUSAL_BYTES) return { status, body: Buffer.concat(received) };
      if (status === 200 && bytes > maximumBytes) {
        throw new SartorError("SRT_TRUST_METADATA_INVALID", `More than ${maximumBytes} bytes came for ${what}.`, {
          details: { maximumBytes },
        });
      }
      received.push(value);
      if (!watch.note(clock.monotonic() - waitingSince, value.byteLength)) {
        throw unreachable(what, `fewer than ${minimumRate.bytes} bytes came in ${minimumRate.windowMs} ms`);
      }
    }
  } finally {
    // Closes the connection when the body was not read to its end.
    ended.abort();
  }
}

async function withinIdleTimeout<T>(work: Promise<T>, { what, signal }: Download, tools: DownloadTools): Promise<T> {
  const ended = new AbortController();
  const { idleTimeoutMs } = tools.limits;
  const idle = tools.clock.sleep(idleTimeoutMs, ended.signal).then(() => {
    throw unreachable(what, `no byte came for ${idleTimeoutMs} ms`);
  });
  idle.catch(() => undefined);
  try {
    return await abortable(Promise.race([work, idle]), signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (isTrustError(error)) throw error;
    throw unreachable(what, error instanceof Error ? error.message : String(error), error);
  } finally {
    ended.abort();
  }
}

function unreachable(what: string, reason: string, cause?: unknown): SartorError {
  return new SartorError("SRT_TRUST_UNREACHABLE", `Could not fetch ${what}: ${reason}.`, { cause });
}
