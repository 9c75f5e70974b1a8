import { createHash } from "node:crypto";
import { SartorError } from "@sartor/shared/errors";
import { TRUST_LIMITS } from "@sartor/shared/protocol";
import { Metadata, type MetadataKind, type Root, type Snapshot, type Targets, type Timestamp } from "@tufjs/models";

/** Metadata of one kind, by TUF's name of it. */
export interface MetadataOf {
  readonly root: Metadata<Root>;
  readonly targets: Metadata<Targets>;
  readonly snapshot: Metadata<Snapshot>;
  readonly timestamp: Metadata<Timestamp>;
}
export type Kind = keyof MetadataOf;
/** What @tufjs/models takes as JSON. */
type Json = Parameters<typeof Metadata.fromJSON>[1];

const MAXIMUM_BYTES: Readonly<Record<Kind, number>> = {
  root: TRUST_LIMITS.rootBytes,
  targets: TRUST_LIMITS.targetsBytes,
  snapshot: TRUST_LIMITS.snapshotBytes,
  timestamp: TRUST_LIMITS.timestampBytes,
};

/** Version of the TUF specification that metadata follows. */
export const SPEC_VERSION = "1.0.31";

/** Times as all TUF clients read them: whole seconds, UTC. */
const EXPIRES = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;

/**
 * Reads metadata from outside. Its length is looked at before it is parsed.
 *
 * @throws SartorError SRT_TRUST_METADATA_INVALID
 */
export function parseMetadata<K extends Kind>(kind: K, bytes: Uint8Array): MetadataOf[K] {
  const maximum = MAXIMUM_BYTES[kind];
  if (bytes.byteLength > maximum) {
    throw invalid(kind, `has ${bytes.byteLength} bytes; at most ${maximum} are accepted`);
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const metadata = Metadata.fromJSON(kind as MetadataKind.Root, JSON.parse(text) as Json);
    const { signed } = metadata;
    if (!Number.isSafeInteger(signed.version) || signed.version < 1)
      throw new Error("its version is not a number from 1");
    if (!EXPIRES.test(signed.expires)) throw new Error("its expires is not a time in whole seconds, UTC");
    return metadata as unknown as MetadataOf[K];
  } catch (cause) {
    throw invalid(kind, `cannot be read: ${(cause as Error).message}`, cause);
  }
}

/** The bytes that are served, hashed and stored. */
export function serializeMetadata(metadata: Metadata<Root | Targets | Snapshot | Timestamp>): string {
  return JSON.stringify(metadata.toJSON());
}

/** `now` plus a life, as TUF writes it; without milliseconds, which other clients refuse. */
export function expiresAfter(now: number, lifeMs: number): string {
  return new Date(now + lifeMs).toISOString().replace(/\.\d+Z$/, "Z");
}

/** When metadata ends, ms since 1970. */
export const endOf = (metadata: { readonly signed: { readonly expires: string } }): number =>
  Date.parse(metadata.signed.expires);

export const sha256Hex = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

export function invalid(role: string, problem: string, cause?: unknown): SartorError {
  return new SartorError("SRT_TRUST_METADATA_INVALID", `The metadata of ${role} ${problem}.`, {
    details: { role },
    cause,
  });
}
