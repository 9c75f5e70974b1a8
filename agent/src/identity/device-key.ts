import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";

/** Makes a P-256 key on this device; PKCS #8, PEM. It never leaves it. */
export function makeDeviceKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** The public half as DER: what two certificates for one key have in common. */
export function publicKeyOf(keyPem: string): Buffer {
  return createPublicKey(keyPem).export({ type: "spki", format: "der" });
}

/** ECDSA with SHA-256, DER as base64url. */
export function signWith(keyPem: string, text: string): string {
  return sign("sha256", Buffer.from(text), keyPem).toString("base64url");
}
