import { createHash, createPublicKey, type KeyObject, sign } from "node:crypto";
import type { TrustPublicKey } from "@sartor/shared/protocol";
import { Key, Metadata, type Root, Signature, type Snapshot, type Targets, type Timestamp } from "@tufjs/models";

/** Bytes before the key in an ed25519 SubjectPublicKeyInfo (RFC 8410). */
const SPKI_PREFIX_BYTES = 12;

/** A key that signs metadata. */
export interface SigningKey {
  readonly keyId: string;
  /** The public key, 32 bytes as hex. */
  readonly public: string;
  readonly privateKey: KeyObject;
}

/** TUF's id of an ed25519 key: SHA-256 of the key in canonical JSON, hex (TUF 1.0, section 4.2). */
export function keyIdOf(publicHex: string): string {
  const canonical = `{"keytype":"ed25519","keyval":{"public":"${publicHex}"},"scheme":"ed25519"}`;
  return createHash("sha256").update(canonical).digest("hex");
}

/** The 32 bytes of a public ed25519 key, hex. */
export function publicHexOf(publicKey: KeyObject): string {
  return publicKey.export({ type: "spki", format: "der" }).subarray(SPKI_PREFIX_BYTES).toString("hex");
}

/** A key as TUF metadata lists it. */
export function tufKey(publicHex: string): Key {
  return new Key({
    keyID: keyIdOf(publicHex),
    keyType: "ed25519",
    scheme: "ed25519",
    keyVal: { public: publicHex },
  });
}

export const publicKeyOf = ({ keyId, public: hex }: SigningKey): TrustPublicKey => ({ keyId, public: hex });

/** Adds a key's signature to metadata. */
export function signMetadata(metadata: Metadata<Root | Targets | Snapshot | Timestamp>, key: SigningKey): void {
  metadata.sign((bytes) => new Signature({ keyID: key.keyId, sig: sign(null, bytes, key.privateKey).toString("hex") }));
}

/** What a signature of metadata is over: its `signed` part in canonical JSON. */
export function canonicalBytes(metadata: Metadata<Root | Targets | Snapshot | Timestamp>): Buffer {
  // @tufjs/models hands the canonical form to signers only; this one signs nothing.
  let canonical: Buffer = Buffer.alloc(0);
  new Metadata(metadata.signed).sign((bytes) => {
    canonical = bytes;
    return new Signature({ keyID: "", sig: "" });
  });
  return canonical;
}

/** A public ed25519 key of 32 bytes (hex) as node:crypto takes it (RFC 8410). */
export function publicKeyObject(publicHex: string): KeyObject {
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(publicHex, "hex")]);
  return createPublicKey({ key: der, format: "der", type: "spki" });
}
