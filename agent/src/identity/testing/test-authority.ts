import "reflect-metadata";
import { createHash, webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { makeCertificateRequest } from "../certificate-request.js";
import { makeDeviceKey } from "../device-key.js";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
const SERVER = "1.3.6.1.5.5.7.3.1";
const CLIENT = "1.3.6.1.5.5.7.3.2";

type Keys = { readonly publicKey: webcrypto.CryptoKey; readonly privateKey: webcrypto.CryptoKey };

/** When a certificate is valid, ms since 1970. */
export interface Validity {
  readonly notBefore?: number;
  readonly notAfter?: number;
}

/** Certificate and private key, PEM. */
export interface Credential {
  readonly certificate: string;
  readonly key: string;
}

/** A small certificate authority: root, intermediate, and what they issue, as a control plane has it. */
export class TestAuthority {
  /** PEM. */
  readonly root: string;
  /** PEM. */
  readonly intermediate: string;
  readonly #issuer: { certificate: x509.X509Certificate; keys: Keys };
  #serial = 1;

  private constructor(root: x509.X509Certificate, intermediate: x509.X509Certificate, keys: Keys) {
    this.root = pemOf(root);
    this.intermediate = pemOf(intermediate);
    this.#issuer = { certificate: intermediate, keys };
  }

  static async create(name = "Test root"): Promise<TestAuthority> {
    const rootKeys = await makeKeys();
    const keys = await makeKeys();
    const validity = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + 3650 * DAY_MS) };
    const usages = new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true);
    const root = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: "01",
      name: `CN=${name}`,
      ...validity,
      signingAlgorithm: ALGORITHM,
      keys: rootKeys,
      extensions: [new x509.BasicConstraintsExtension(true, 1, true), usages],
    });
    const intermediate = await x509.X509CertificateGenerator.create({
      serialNumber: "02",
      subject: `CN=${name} intermediate`,
      issuer: root.subject,
      ...validity,
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: rootKeys.privateKey,
      extensions: [new x509.BasicConstraintsExtension(true, 0, true), usages],
    });
    return new TestAuthority(root, intermediate, keys);
  }

  /** SHA-256 of the root, base64url: the second part of an enrolment token. */
  get fingerprint(): string {
    return createHash("sha256").update(new X509Certificate(this.root).raw).digest("base64url");
  }

  /** The intermediate's private key, PEM: what a control plane issues with. */
  intermediateKey(): Promise<string> {
    return keyPem(this.#issuer.keys);
  }

  /** A list of certificates that ended before their time, DER. */
  async signRevocationList(serials: readonly string[], now: number): Promise<Buffer> {
    const { certificate, keys } = this.#issuer;
    const list = await x509.X509CrlGenerator.create({
      issuer: certificate.subjectName,
      thisUpdate: new Date(now),
      nextUpdate: new Date(now + 7 * DAY_MS),
      entries: serials.map((serialNumber) => ({ serialNumber, revocationDate: new Date(now) })),
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
    });
    return Buffer.from(list.rawData);
  }

  /** For a TLS server on this machine. */
  async issueServer(names: readonly string[] = ["localhost"], validity: Validity = {}): Promise<Credential> {
    const keys = await makeKeys();
    const certificate = await this.#issue("CN=server", keys.publicKey, SERVER, validity, [
      ...names.map((value) => ({ type: "dns" as const, value })),
      { type: "ip", value: "127.0.0.1" },
    ]);
    return { certificate, key: await keyPem(keys) };
  }

  /** For a device's request, with the intermediate behind it. */
  async issueDevice(deviceId: string, csrPem: string, validity: Validity = {}): Promise<string> {
    const request = new x509.Pkcs10CertificateRequest(csrPem);
    if (!(await request.verify())) throw new Error("the request is not signed by its own key");
    const key = await request.publicKey.export(ALGORITHM, ["verify"]);
    return this.#issue(`CN=${deviceId}`, key as webcrypto.CryptoKey, CLIENT, validity, [
      { type: "url", value: `urn:sartor:device:${deviceId}` },
    ]);
  }

  /** For a device whose key is made here. */
  async makeDevice(deviceId: string, validity: Validity = {}): Promise<Credential> {
    const key = makeDeviceKey();
    return { key, certificate: await this.issueDevice(deviceId, await makeCertificateRequest(key), validity) };
  }

  async #issue(
    subject: string,
    publicKey: webcrypto.CryptoKey,
    usage: string,
    { notBefore = Date.now() - 60_000, notAfter = Date.now() + 30 * DAY_MS }: Validity,
    names: x509.JsonGeneralName[],
  ): Promise<string> {
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: (0x1000 + ++this.#serial).toString(16),
      subject,
      issuer: this.#issuer.certificate.subject,
      notBefore: new Date(notBefore),
      notAfter: new Date(notAfter),
      signingAlgorithm: ALGORITHM,
      publicKey,
      signingKey: this.#issuer.keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([usage]),
        new x509.SubjectAlternativeNameExtension(names),
      ],
    });
    return pemOf(certificate) + this.intermediate;
  }
}

const pemOf = (certificate: x509.X509Certificate): string => `${certificate.toString("pem").trim()}\n`;
const makeKeys = (): Promise<Keys> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as Promise<Keys>;

async function keyPem({ privateKey }: Keys): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", privateKey));
  return `-----BEGIN PRIVATE KEY-----\n${der.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END PRIVATE KEY-----\n`;
}
