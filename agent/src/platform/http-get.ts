import type { IncomingMessage } from "node:http";
import { deliveryFailed, type HttpsLine, openHttps } from "./http-request.js";
import { type MinimumRate, RateWatch, SLOWEST_DELIVERY, TooSlow } from "./rate-watch.js";

/** What to ask for and what to accept. */
export interface HttpGetOptions {
  /** Who asks, and who may answer. */
  readonly tls: HttpsLine;
  readonly headers?: Readonly<Record<string, string>>;
  /** A body longer than this is refused while it streams, bytes. */
  readonly maximumBytes: number;
  /** The connection is given up when no byte arrives for this long, ms. There is no limit on the whole: slow links are normal. */
  readonly idleTimeoutMs: number;
  /** The connection is given up when less arrives; {@link SLOWEST_DELIVERY} by default. */
  readonly minimumRate?: MinimumRate;
  readonly signal: AbortSignal;
}

/** An answer whose body still streams. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** The body, piece by piece; throws SRT_DOWNLOAD_FAILED when it breaks off, stalls, drips or grows past the limit. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Closes the connection of an answer whose body nobody wants. */
  discard(): void;
}

/**
 * GET over TLS by Node's own client.
 *
 * @throws SartorError SRT_CONFIG_INVALID for an address that is not https, SRT_DOWNLOAD_FAILED when no answer comes
 */
export async function httpGet(url: URL, options: HttpGetOptions): Promise<HttpAnswer> {
  const { tls, headers = {}, idleTimeoutMs, signal } = options;
  const response = await openHttps(url, { method: "GET", headers, tls, idleTimeoutMs, signal });
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: readBounded(url, response, options),
    discard: () => response.destroy(),
  };
}

/** Reads a body within its bounds. */
export async function* readBounded(
  url: URL,
  response: IncomingMessage,
  options: HttpGetOptions,
): AsyncGenerator<Uint8Array> {
  const minimum = options.minimumRate ?? SLOWEST_DELIVERY;
  const watch = new RateWatch(minimum);
  let received = 0;
  try {
    let waitingSince = performance.now();
    for await (const piece of response as AsyncIterable<Buffer>) {
      received += piece.byteLength;
      if (received > options.maximumBytes)
        throw new Error(`more than the announced ${options.maximumBytes} bytes came`);
      if (!watch.note(performance.now() - waitingSince, piece.byteLength)) throw new TooSlow(minimum);
      yield piece;
      waitingSince = performance.now();
    }
  } catch (cause) {
    if (options.signal.aborted) throw options.signal.reason;
    throw deliveryFailed(url, cause);
  } finally {
    response.destroy();
  }
}

/** Reads a whole body that is known to be small. */
export async function readBody(answer: HttpAnswer): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of answer.body) pieces.push(piece);
  return Buffer.concat(pieces);
}
