import type { ServerResponse } from "node:http";
import type { Answer } from "../attacks/middleman.js";

/** What may happen to an answer between a server and a device, by proxies, caches and bad servers. */
export const ANSWER_FAULTS = [
  "truncated answer",
  "short Content-Length",
  "long Content-Length",
  "no Content-Length, broken off",
  "corrupted content",
  "other content under another ETag",
  "5xx",
  "redirect to another host",
  "a byte a second",
] as const;
export type AnswerFault = (typeof ANSWER_FAULTS)[number];

/** How long the byte a second goes on before the line breaks, ms: a server that recovers. */
const DRIP_MS = 2_500;

/**
 * Sends an answer in a bad way; true when it did.
 *
 * @param random uniform in [0, 1)
 * @param elsewhere another host's address: whoever comes there has followed a redirect
 */
export function sendBadly(
  fault: AnswerFault,
  answer: Answer,
  response: ServerResponse,
  random: () => number,
  elsewhere: string,
): boolean {
  const { status, headers, body } = answer;
  const part = Math.max(1, Math.floor(body.byteLength * (0.1 + 0.8 * random())));
  const breakOff = () => setImmediate(() => response.destroy());
  switch (fault) {
    case "truncated answer":
      response.writeHead(status, { ...headers, "content-length": String(body.byteLength) });
      response.write(body.subarray(0, part), breakOff);
      return true;
    case "short Content-Length":
      response.writeHead(status, { ...headers, "content-length": String(part) }).end(body.subarray(0, part));
      return true;
    case "long Content-Length":
      response.writeHead(status, { ...headers, "content-length": String(body.byteLength + 1_000) });
      response.write(body.subarray(0, part), breakOff);
      return true;
    case "no Content-Length, broken off": {
      const { "content-length": _said, ...others } = headers;
      response.writeHead(status, others);
      response.write(body.subarray(0, part), breakOff);
      return true;
    }
    case "corrupted content": {
      const damaged = Buffer.from(body);
      const at = Math.floor(random() * damaged.byteLength);
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      response.writeHead(status, headers).end(damaged);
      return true;
    }
    case "other content under another ETag":
      // What a cache does that was purged in mid-download: a range of something else, whole and with its own name.
      response
        .writeHead(status, { ...headers, etag: `"other-${Math.floor(random() * 1e9)}"` })
        .end(Buffer.alloc(body.byteLength, Math.floor(random() * 256)));
      return true;
    case "5xx":
      response.writeHead([500, 502, 503, 504][Math.floor(random() * 4)] ?? 503, { "retry-after": "1" }).end("{}");
      return true;
    case "redirect to another host":
      response
        .writeHead([301, 302, 303, 307, 308][Math.floor(random() * 5)] ?? 302, { location: `${elsewhere}/somewhere` })
        .end();
      return true;
    case "a byte a second": {
      response.writeHead(status, { ...headers, "content-length": String(body.byteLength) });
      let at = 0;
      const timer = setInterval(() => {
        response.write(body.subarray(at, at + 1));
        at += 1;
      }, 1_000);
      setTimeout(() => response.destroy(), DRIP_MS);
      response.on("close", () => clearInterval(timer));
      return true;
    }
  }
}
