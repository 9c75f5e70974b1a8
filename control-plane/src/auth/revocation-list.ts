import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  Extension,
  type X509Certificate,
  X509CrlGenerator,
  X509CrlReason,
} from "@peculiar/x509";
import type { RevocationReason } from "@sartor/shared/protocol";

const crypto = webcrypto;
/** cRLNumber (RFC 5280, section 5.2.3). */
const CRL_NUMBER = "2.5.29.20";

/** A certificate that ended before its time. */
export interface RevokedSerial {
  /** Hex. */
  readonly serial: string;
  readonly revokedAt: number;
  readonly reason: RevocationReason;
}

/** A revocation list in both of its forms. */
export interface SignedList {
  readonly der: Buffer;
  readonly pem: string;
  /** When the next one comes at the latest, ms. */
  readonly nextUpdate: number;
}

const REASONS = {
  revoked: X509CrlReason.privilegeWithdrawn,
  replaced: X509CrlReason.superseded,
  superseded: X509CrlReason.superseded,
  removed: X509CrlReason.cessationOfOperation,
} as const satisfies Record<RevocationReason, X509CrlReason>;

/** Signs a revocation list (RFC 5280, section 5). Its number is the second in which it was made: it rises, across restarts too. */
export async function signRevocationList(list: {
  issuer: X509Certificate;
  key: webcrypto.CryptoKey;
  revoked: readonly RevokedSerial[];
  now: number;
  lifeMs: number;
}): Promise<SignedList> {
  const nextUpdate = list.now + list.lifeMs;
  const crl = await X509CrlGenerator.create(
    {
      issuer: list.issuer.subjectName,
      thisUpdate: new Date(list.now),
      nextUpdate: new Date(nextUpdate),
      entries: list.revoked.map(({ serial, revokedAt, reason }) => ({
        serialNumber: serial,
        revocationDate: new Date(revokedAt),
        reason: REASONS[reason],
      })),
      extensions: [
        await AuthorityKeyIdentifierExtension.create(list.issuer.publicKey, false, crypto),
        new Extension(CRL_NUMBER, false, derInteger(Math.floor(list.now / 1_000))),
      ],
      signingKey: list.key,
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    },
    crypto,
  );
  const der = Buffer.from(crl.rawData);
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  // The library's own PEM says "BEGIN CRL", which no broker reads (RFC 7468, section 6).
  return { der, nextUpdate, pem: ["-----BEGIN X509 CRL-----", ...lines, "-----END X509 CRL-----", ""].join("\n") };
}

/** A positive INTEGER, DER. */
function derInteger(value: number): Uint8Array<ArrayBuffer> {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  const padded = (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
  return Uint8Array.of(0x02, padded.length, ...padded);
}
