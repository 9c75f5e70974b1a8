import "reflect-metadata";
import { createHash, createPublicKey, webcrypto } from "node:crypto";
import { Pkcs10CertificateRequest } from "@peculiar/x509";
import { SartorError } from "@sartor/shared/errors";

/** What counts of a certificate request: its key, of which the sender showed that it has the private half. */
export interface RequestedKey {
  /** SubjectPublicKeyInfo, DER: P-256, the point uncompressed. */
  readonly publicKey: Buffer;
  /** SHA-256 of it, hex. */
  readonly keyFingerprint: string;
}

/** Bytes of a P-256 SubjectPublicKeyInfo with a named curve and an uncompressed point (RFC 5480): one key, one encoding, one fingerprint. */
const P256_SPKI_BYTES = 91;

/**
 * Reads a certificate request. Subject and attributes are the sender's wishes and are not looked at; its signature shows that the sender
 * holds the key (PKCS #10, RFC 2986, section 3).
 *
 * @throws SartorError SRT_CSR_INVALID
 */
export async function parseCertificateRequest(pem: string): Promise<RequestedKey> {
  let publicKey: Buffer;
  try {
    const request = new Pkcs10CertificateRequest(pem);
    publicKey = Buffer.from(request.publicKey.rawData);
    requireP256(publicKey);
    if (!(await request.verify(webcrypto))) throw new Error("it is not signed by its own key");
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message.slice(0, 200) : "it cannot be read";
    throw new SartorError("SRT_CSR_INVALID", `The certificate request cannot be used: ${problem}.`, { cause });
  }
  return { publicKey, keyFingerprint: sha256Hex(publicKey) };
}

export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function requireP256(publicKey: Buffer): void {
  const key = createPublicKey({ key: publicKey, format: "der", type: "spki" });
  const isP256 = key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
  if (!isP256 || publicKey.length !== P256_SPKI_BYTES) throw new Error("its key is not a P-256 key");
}
