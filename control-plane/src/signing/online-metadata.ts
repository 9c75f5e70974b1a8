import { Metadata, MetaFile, Snapshot, Timestamp } from "@tufjs/models";
import { type SigningKey, signMetadata } from "./ed25519.js";
import { SPEC_VERSION, serializeMetadata, sha256Hex } from "./metadata.js";

/** Metadata that is ready to be served. */
export interface ServedMetadata {
  readonly version: number;
  readonly text: string;
}

/** Names metadata by version, length and hash, so that nothing can be put in its place. */
export function metaFile({ version, text }: ServedMetadata): MetaFile {
  const bytes = Buffer.from(text, "utf8");
  return new MetaFile({ version, length: bytes.byteLength, hashes: { sha256: sha256Hex(bytes) } });
}

/** The version of metadata that the control plane signs by itself: it follows the clock, so that a restored backup never repeats one. */
export function onlineVersion(previous: number | undefined, now: number): number {
  return Math.max((previous ?? 0) + 1, Math.floor(now / 1000));
}

/**
 * A signed snapshot.
 *
 * @param roles metadata of targets roles, by role
 */
export function makeSnapshot(
  roles: Readonly<Record<string, ServedMetadata>>,
  version: number,
  expires: string,
  key: SigningKey,
): ServedMetadata {
  const meta = Object.fromEntries(Object.entries(roles).map(([role, served]) => [`${role}.json`, metaFile(served)]));
  const metadata = new Metadata(new Snapshot({ specVersion: SPEC_VERSION, version, expires, meta }));
  signMetadata(metadata, key);
  return { version, text: serializeMetadata(metadata) };
}

/** A signed timestamp. */
export function makeTimestamp(
  snapshot: ServedMetadata,
  version: number,
  expires: string,
  key: SigningKey,
): ServedMetadata {
  const metadata = new Metadata(
    new Timestamp({ specVersion: SPEC_VERSION, version, expires, snapshotMeta: metaFile(snapshot) }),
  );
  signMetadata(metadata, key);
  return { version, text: serializeMetadata(metadata) };
}
