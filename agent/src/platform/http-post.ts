import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { SartorError } from "@sartor/shared/errors";

/** Longest reply that is read, bytes. */
const MAXIMUM_REPLY_BYTES = 256 * 1024;
const TIMEOUT_MS = 30_000;

/** Status and parsed JSON of a reply. */
export interface JsonReply {
  readonly status: number;
  readonly json: unknown;
}

/**
 * POSTs JSON and reads the JSON reply.
 *
 * @throws SartorError SRT_DOWNLOAD_FAILED when the peer cannot be reached or answers with something else
 */
export function postJson(url: URL, body: unknown, signal: AbortSignal): Promise<JsonReply> {
  const open = url.protocol === "https:" ? requestHttps : requestHttp;
  const payload = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      reject(
        new SartorError("SRT_DOWNLOAD_FAILED", `${url.host} did not answer ${url.pathname}: ${reason}.`, { cause }),
      );
    };
    const request = open(url, {
      method: "POST",
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(payload) },
      signal,
      timeout: TIMEOUT_MS,
    });
    request.on("timeout", () => request.destroy(new Error(`no answer for ${TIMEOUT_MS} ms`)));
    request.on("error", fail);
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        text += piece;
        if (text.length > MAXIMUM_REPLY_BYTES) response.destroy(new Error("the reply is too long"));
      });
      response.on("error", fail);
      response.on("end", () => {
        try {
          resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) });
        } catch (cause) {
          fail(cause);
        }
      });
    });
    request.end(payload);
  });
}
