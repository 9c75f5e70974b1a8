import "reflect-metadata";
import { createPrivateKey, webcrypto } from "node:crypto";
import { X509Certificate, X509CrlGenerator } from "@peculiar/x509";

const DAY_MS = 86_400_000;

/** A revocation list as an authority signs it, DER. */
export async function signList(
  authority: { readonly intermediate: string; intermediateKey(): Promise<string> },
  serials: readonly string[],
  now: number,
): Promise<Buffer> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const der = createPrivateKey(await authority.intermediateKey()).export({ format: "der", type: "pkcs8" });
  const list = await X509CrlGenerator.create({
    issuer: new X509Certificate(authority.intermediate).subjectName,
    thisUpdate: new Date(now),
    nextUpdate: new Date(now + 7 * DAY_MS),
    entries: serials.map((serialNumber) => ({ serialNumber, revocationDate: new Date(now) })),
    signingKey: await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]),
    signingAlgorithm: algorithm,
  });
  return Buffer.from(list.rawData);
}
