import { createPrivateKey, createPublicKey, webcrypto } from "node:crypto";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/**
 * A certificate request (PKCS #10, PEM) for a key that {@link makeDeviceKey} made, signed by that key. Its subject says nothing: who the
 * device is, the control plane decides.
 */
export async function makeCertificateRequest(keyPem: string): Promise<string> {
  // Loaded only here: a request is made once in weeks, and the library takes memory that an idle agent can do without.
  await import("reflect-metadata");
  const { Pkcs10CertificateRequestGenerator } = await import("@peculiar/x509");
  const privateKey = createPrivateKey(keyPem);
  const [keyDer, publicDer] = [
    privateKey.export({ type: "pkcs8", format: "der" }),
    createPublicKey(privateKey).export({ type: "spki", format: "der" }),
  ];
  const { subtle } = webcrypto;
  const keys = {
    privateKey: await subtle.importKey("pkcs8", keyDer, ALGORITHM, false, ["sign"]),
    publicKey: await subtle.importKey("spki", publicDer, ALGORITHM, true, ["verify"]),
  };
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: "CN=sartor-device",
    keys,
    signingAlgorithm: ALGORITHM,
  });
  return `${request.toString("pem").trim()}\n`;
}
