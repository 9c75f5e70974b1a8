import { type BandwidthLimit, type HttpAnswer, type HttpsLine, httpGet } from "../../platform/index.js";
import type { FetchContent } from "./content-flight.js";

const IDLE_TIMEOUT_MS = 30_000;

export interface FetchContentOptions {
  /** Address of the control plane's content by path and query. */
  readonly addressOf: (path: string) => URL;
  readonly tls: HttpsLine;
  /** Shared with all other downloads of this device. */
  readonly bandwidth: BandwidthLimit;
}

/** Fetches content from the control plane. */
export function fetchFrom({ addressOf, tls, bandwidth }: FetchContentOptions): FetchContent {
  return async ({ path, mostBytes }, begun, signal): Promise<HttpAnswer> => {
    const [pathname = "", query = ""] = path.split("?");
    const url = addressOf(pathname);
    url.search = query;
    const range: Record<string, string> =
      begun === undefined ? {} : { range: `bytes=${begun.offset}-`, "if-range": begun.etag };
    const answer = await httpGet(url, {
      tls,
      headers: { ...range, "accept-encoding": "identity" },
      maximumBytes: mostBytes,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      signal,
    });
    return { ...answer, body: held(answer.body, bandwidth, signal) };
  };
}

async function* held(
  body: AsyncIterable<Uint8Array>,
  bandwidth: BandwidthLimit,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    yield piece;
    await bandwidth.take(piece.byteLength, signal);
  }
}
