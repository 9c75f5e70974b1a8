import { readBounded } from "./http-get.js";
import { deliveryFailed, openHttps } from "./http-request.js";
import type { TlsIdentity } from "./tls-identity.js";

/** Longest reply that is read, bytes. */
const MAXIMUM_REPLY_BYTES = 256 * 1024;
const IDLE_TIMEOUT_MS = 30_000;

/** Status and parsed JSON of a reply. */
export interface JsonReply {
  readonly status: number;
  readonly json: unknown;
}

/**
 * POSTs JSON over TLS and reads the JSON reply.
 *
 * @throws SartorError SRT_CONFIG_INVALID for an address that is not https, SRT_DOWNLOAD_FAILED when the peer cannot be reached or answers
 * with something else
 */
export async function postJson(url: URL, body: unknown, tls: TlsIdentity, signal: AbortSignal): Promise<JsonReply> {
  const response = await openHttps(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    tls,
    signal,
  });
  const pieces: Uint8Array[] = [];
  const limits = { tls, maximumBytes: MAXIMUM_REPLY_BYTES, idleTimeoutMs: IDLE_TIMEOUT_MS, signal };
  for await (const piece of readBounded(url, response, limits)) pieces.push(piece);
  try {
    return { status: response.statusCode ?? 0, json: JSON.parse(Buffer.concat(pieces).toString("utf8")) };
  } catch (cause) {
    throw deliveryFailed(url, cause);
  }
}
