import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { SartorError } from "@sartor/shared/errors";

/** What to ask for and what to accept. */
export interface HttpGetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** A body longer than this is refused while it streams, bytes. */
  readonly maximumBytes: number;
  /** The connection is given up when no byte arrives for this long, ms. There is no limit on the whole: slow links are normal. */
  readonly idleTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** An answer whose body still streams. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** The body, piece by piece; throws SRT_DOWNLOAD_FAILED when it breaks off, stalls or grows past the limit. */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * GET by Node's own client. `fetch` is left out on purpose: undici costs an idle agent several MB that a 1 GB board lacks.
 *
 * @throws SartorError SRT_DOWNLOAD_FAILED when no answer comes
 */
export function httpGet(url: URL, options: HttpGetOptions): Promise<HttpAnswer> {
  const open = url.protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const request = open(url, {
      method: "GET",
      headers: { ...options.headers },
      signal: options.signal,
      timeout: options.idleTimeoutMs,
    });
    request.on("timeout", () => request.destroy(new Error(`no byte for ${options.idleTimeoutMs} ms`)));
    request.on("error", (cause) => reject(options.signal.aborted ? options.signal.reason : failed(url, cause)));
    request.on("response", (response) => {
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: readBounded(url, response, options),
      });
    });
    request.end();
  });
}

async function* readBounded(url: URL, response: IncomingMessage, options: HttpGetOptions): AsyncGenerator<Uint8Array> {
  let received = 0;
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      received += piece.byteLength;
      if (received > options.maximumBytes)
        throw new Error(`more than the announced ${options.maximumBytes} bytes came`);
      yield piece;
    }
  } catch (cause) {
    if (options.signal.aborted) throw options.signal.reason;
    throw failed(url, cause);
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

function failed(url: URL, cause: unknown): SartorError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SartorError("SRT_DOWNLOAD_FAILED", `${url.host} did not deliver ${url.pathname}: ${reason}.`, { cause });
}
