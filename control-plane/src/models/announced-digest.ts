import type { IncomingHttpHeaders } from "node:http";
import { SartorError } from "@sartor/shared/errors";
import { type Digest, digestSchema } from "@sartor/shared/protocol";

/**
 * Reads the digest that a sender announced: `X-Sartor-Digest: sha256:<hex>`, or the standard `Content-Digest: sha-256=:<base64>:` (RFC 9530).
 * Other algorithms are ignored, as that standard asks.
 *
 * @throws SartorError SRT_INVALID_REQUEST where a header is malformed or the two differ
 */
export function announcedDigest(headers: IncomingHttpHeaders): Digest | undefined {
  const own = ownHeader(headers["x-sartor-digest"]);
  const standard = standardHeader(headers["content-digest"]);
  if (own !== undefined && standard !== undefined && own !== standard) {
    throw invalid("X-Sartor-Digest and Content-Digest name different content");
  }
  return own ?? standard;
}

function ownHeader(value: string | string[] | undefined): Digest | undefined {
  if (value === undefined) return undefined;
  const parsed = digestSchema.safeParse(value);
  if (!parsed.success) throw invalid("X-Sartor-Digest is not sha256: and 64 hex digits");
  return parsed.data;
}

function standardHeader(value: string | string[] | undefined): Digest | undefined {
  for (const entry of String(value ?? "").split(",")) {
    const [algorithm, digest] = /^\s*([a-z0-9-]+)=:(.*):\s*$/.exec(entry)?.slice(1) ?? [];
    if (algorithm !== "sha-256" || digest === undefined) continue;
    if (!/^[A-Za-z0-9+/]{43}=$/.test(digest)) throw invalid("Content-Digest does not hold 32 bytes as base64");
    return `sha256:${Buffer.from(digest, "base64").toString("hex")}`;
  }
  return undefined;
}

function invalid(problem: string): SartorError {
  return new SartorError("SRT_INVALID_REQUEST", `${problem}.`);
}
