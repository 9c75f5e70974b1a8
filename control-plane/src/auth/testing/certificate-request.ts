import "reflect-metadata";
import { createPrivateKey, webcrypto } from "node:crypto";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";

const crypto = webcrypto;

/** For tests: a device's certificate request and its private key, both PEM. */
export async function makeCertificateRequest(
  commonName = "anything",
  namedCurve = "P-256",
): Promise<{ csr: string; keys: string }> {
  const algorithm = { name: "ECDSA", namedCurve, hash: "SHA-256" };
  const keys = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const der = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const pem = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ format: "pem", type: "pkcs8" });
  return { csr: await requestOf(commonName, keys, algorithm), keys: pem.toString() };
}

export async function makeRsaRequest(): Promise<string> {
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const parameters = { ...algorithm, modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) };
  const keys = (await crypto.subtle.generateKey(parameters, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  return requestOf("rsa", keys, algorithm);
}

async function requestOf(
  commonName: string,
  keys: webcrypto.CryptoKeyPair,
  signingAlgorithm: webcrypto.Algorithm,
): Promise<string> {
  const name = [{ CN: [commonName] }];
  const request = await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm }, crypto);
  return `${request.toString("pem")}\n`;
}
