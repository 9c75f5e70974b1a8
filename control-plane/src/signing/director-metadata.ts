import { type DirectorTargetCustom, ORDER_TARGET, type OrderTargetCustom } from "@sartor/shared/protocol";
import { Metadata, TargetFile, Targets } from "@tufjs/models";
import { type SigningKey, signMetadata } from "./ed25519.js";
import { SPEC_VERSION, serializeMetadata, sha256Hex } from "./metadata.js";
import { makeSnapshot, makeTimestamp, type ServedMetadata } from "./online-metadata.js";

/** A bundle that a device's director names; path, length and hashes are the image repository's. */
export interface DirectorBundle {
  readonly target: Pick<TargetFile, "path" | "length" | "hashes">;
  readonly custom: DirectorTargetCustom;
}

/** The director's targets for one device, unsigned: its order, and the bundles that the order names. */
export function directorTargets(
  order: { readonly text: string; readonly deviceId: string; readonly generation: number },
  bundles: readonly DirectorBundle[],
): Record<string, TargetFile> {
  const bytes = Buffer.from(order.text, "utf8");
  const custom: OrderTargetCustom = { schemaVersion: 1, deviceId: order.deviceId, generation: order.generation };
  const files = [
    new TargetFile({
      path: ORDER_TARGET,
      length: bytes.byteLength,
      hashes: { sha256: sha256Hex(bytes) },
      unrecognizedFields: { custom },
    }),
    ...bundles.map(({ target, custom: said }) => {
      const { path, length, hashes } = target;
      return new TargetFile({ path, length, hashes, unrecognizedFields: { custom: said } });
    }),
  ];
  return Object.fromEntries(files.map((file) => [file.path, file]));
}

/** Versions and ends of a director repository that is to be signed. */
export interface DirectorVersions {
  readonly version: number;
  readonly timestampVersion: number;
  readonly expires: string;
  readonly timestampExpires: string;
}

export interface SignedDirector {
  readonly targets: ServedMetadata;
  readonly snapshot: ServedMetadata;
  readonly timestamp: ServedMetadata;
}

/** Signs a device's whole director repository: three signatures. */
export function signDirector(
  targets: Record<string, TargetFile>,
  versions: DirectorVersions,
  key: SigningKey,
): SignedDirector {
  const { version, expires } = versions;
  const metadata = new Metadata(new Targets({ specVersion: SPEC_VERSION, version, expires, targets }));
  signMetadata(metadata, key);
  const signed: ServedMetadata = { version, text: serializeMetadata(metadata) };
  const snapshot = makeSnapshot({ targets: signed }, version, expires, key);
  const timestamp = makeTimestamp(snapshot, versions.timestampVersion, versions.timestampExpires, key);
  return { targets: signed, snapshot, timestamp };
}
