import type { IncomingMessage } from "node:http";
import { type Agent, request } from "node:https";
import { SartorError } from "@sartor/shared/errors";

/**
 * An answer must have begun by then, ms: handshake and head are small, so that even 8 kbit/s bring them in a tenth of it. Without it a peer
 * could drip the head for hours.
 */
const HEAD_DEADLINE_MS = 120_000;

/** The connections that requests go over: who asks, and who may answer. */
export interface HttpsLine {
  readonly agent: Agent;
}

export interface HttpsRequest {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Given up when no byte moves for this long, ms. */
  readonly idleTimeoutMs: number;
  readonly tls: HttpsLine;
  readonly signal: AbortSignal;
}

/**
 * Sends a request over TLS and resolves with the head of the answer. `fetch` is left out on purpose: undici costs an idle agent several
 * MB that a 1 GB board lacks.
 *
 * @throws SartorError SRT_CONFIG_INVALID for an address that is not https, SRT_DOWNLOAD_FAILED when no answer comes (what TLS said is its
 * cause); the signal's reason when aborted
 */
export function openHttps(url: URL, options: HttpsRequest): Promise<IncomingMessage> {
  if (url.protocol !== "https:") {
    return Promise.reject(new SartorError("SRT_CONFIG_INVALID", `${url.origin} is not https; nothing else is spoken.`));
  }
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: options.method,
      headers: {
        ...options.headers,
        ...(options.body === undefined ? {} : { "content-length": Buffer.byteLength(options.body) }),
      },
      agent: options.tls.agent,
      signal: options.signal,
      timeout: options.idleTimeoutMs,
    });
    const deadline = setTimeout(
      () => sent.destroy(new Error(`no answer within ${HEAD_DEADLINE_MS} ms`)),
      HEAD_DEADLINE_MS,
    );
    sent.on("close", () => clearTimeout(deadline));
    sent.on("timeout", () => sent.destroy(new Error(`no byte for ${options.idleTimeoutMs} ms`)));
    sent.on("error", (cause) => reject(options.signal.aborted ? options.signal.reason : deliveryFailed(url, cause)));
    sent.on("response", (response) => {
      clearTimeout(deadline);
      resolve(response);
    });
    sent.end(options.body);
  });
}

export function deliveryFailed(url: URL, cause: unknown): SartorError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SartorError("SRT_DOWNLOAD_FAILED", `${url.host} did not deliver ${url.pathname}: ${reason}.`, { cause });
}
