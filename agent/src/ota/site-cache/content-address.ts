import { createHash } from "node:crypto";
import {
  DELTA_MEDIA_TYPE,
  type Digest,
  deltaPath,
  deltaQuerySchema,
  digestSchema,
  LIMITS,
} from "@sartor/shared/protocol";

/** Longest address that is looked at. */
const LONGEST_TARGET = 2_048;
/** The longest difference that a cache keeps, bytes; a longer one comes from the control plane alone. */
const LONGEST_DELTA_BYTES = 1024 * 1024 * 1024;

/** Content that a cache may hold: all of it can be checked by a digest and never changes. */
export interface ContentAddress {
  readonly kind: "manifest" | "chunk" | "delta";
  /** Path and query as the control plane has them, in one spelling. */
  readonly path: string;
  /** SHA-256 of the path, hex: what the content is filed under. */
  readonly key: string;
  /** Of the content; a difference's is known from its ETag only. */
  readonly digest: Digest | undefined;
  readonly mostBytes: number;
  readonly contentType: string;
}

/** Reads a request's target; undefined for whatever is not content that a cache may hold. */
export function parseContentAddress(target: string): ContentAddress | undefined {
  if (target.length > LONGEST_TARGET) return undefined;
  const [path = "", query, ...more] = target.split("?");
  if (more.length > 0) return undefined;
  const [, digest, manifestOf, bundleId, file] =
    /^\/api\/v1\/(?:chunks\/([^/]+)|bundles\/([^/]+)\/manifest|bundles\/([^/]+)\/files\/([^/]+)\/delta)$/.exec(path) ??
    [];
  if (isDigest(digest) && query === undefined) {
    return { ...filed("chunk", path, LIMITS.chunkBytes, "application/octet-stream"), digest };
  }
  if (isDigest(manifestOf) && query === undefined) {
    return { ...filed("manifest", path, LIMITS.bundleManifestBytes, "application/json"), digest: manifestOf };
  }
  if (!isDigest(bundleId) || !isDigest(file)) return undefined;
  const parameters = [...new URLSearchParams(query ?? "")];
  const bases = deltaQuerySchema.safeParse({ base: parameters.map(([, value]) => value) });
  if (!bases.success || parameters.some(([name]) => name !== "base")) return undefined;
  const whole = deltaPath(bundleId, file, bases.data.base);
  return { ...filed("delta", whole, LONGEST_DELTA_BYTES, DELTA_MEDIA_TYPE), digest: undefined };
}

function filed(kind: ContentAddress["kind"], path: string, mostBytes: number, contentType: string) {
  return { kind, path, key: createHash("sha256").update(path).digest("hex"), mostBytes, contentType };
}

const isDigest = (text: string | undefined): text is Digest => digestSchema.safeParse(text).success;
