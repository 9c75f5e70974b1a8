import "reflect-metadata";
import { createHash, webcrypto, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate as X509CertificateData,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { type AuthorityMaterial, pemOf } from "./authority-material.js";
import { sha256Hex } from "./certificate-request.js";
import { newSerial } from "./certificate-serial.js";
import { type RevokedSerial, type SignedList, signRevocationList } from "./revocation-list.js";

/** Devices may have clocks that are slow. */
const BACKDATE_MS = 3_600_000;
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const crypto = webcrypto;

/** A certificate as it was issued. */
export interface IssuedCertificate {
  /** Hex, lower case. */
  readonly serial: string;
  /** SHA-256 of the DER, hex. */
  readonly fingerprint: string;
  /** SHA-256 of the public key, hex. */
  readonly keyFingerprint: string;
  /** The certificate, then the intermediate. */
  readonly pem: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Signs certificates with the intermediate's key. Says nothing about who may have one. */
export class CertificateAuthority {
  /** The root, PEM: what devices trust servers by. */
  readonly rootPem: string;
  readonly intermediatePem: string;
  /** SHA-256 of the root's DER, base64url: the second half of every enrolment token. */
  readonly rootFingerprint: string;
  /** Until when the intermediate can sign, ms. */
  readonly endsAt: number;
  readonly #intermediate: X509CertificateData;
  readonly #key: webcrypto.CryptoKey;

  private constructor(material: AuthorityMaterial, key: webcrypto.CryptoKey) {
    this.rootPem = material.root.toString();
    this.intermediatePem = material.intermediate.toString();
    this.rootFingerprint = createHash("sha256").update(material.root.raw).digest("base64url");
    this.endsAt = Math.min(material.intermediate.validToDate.getTime(), material.root.validToDate.getTime());
    this.#intermediate = new X509CertificateData(material.intermediate.raw);
    this.#key = key;
  }

  static async of(material: AuthorityMaterial): Promise<CertificateAuthority> {
    const der = material.intermediateKey.export({ format: "der", type: "pkcs8" });
    return new CertificateAuthority(material, await crypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]));
  }

  /**
   * A device's certificate: CN = device id, URI SAN, for TLS clients only.
   *
   * @param publicKey SubjectPublicKeyInfo, DER, of a key whose possession was shown
   */
  issueDevice(deviceId: string, publicKey: Buffer, now: number, lifeMs: number): Promise<IssuedCertificate> {
    return this.#issue(deviceId, publicKey, ExtendedKeyUsage.clientAuth, now, lifeMs, [
      { type: "url", value: `urn:sartor:device:${deviceId}` },
    ]);
  }

  /** A certificate of one of Sartor's own programs at an external broker. */
  issueService(name: string, publicKey: Buffer, now: number, lifeMs: number): Promise<IssuedCertificate> {
    return this.#issue(name, publicKey, ExtendedKeyUsage.clientAuth, now, lifeMs, [
      { type: "url", value: `urn:sartor:service:${name}` },
    ]);
  }

  /** A TLS server's certificate for DNS names and IP addresses. */
  issueServer(names: readonly string[], publicKey: Buffer, now: number, lifeMs: number): Promise<IssuedCertificate> {
    const subjects = names.map((name): JsonGeneralName => ({ type: isIP(name) === 0 ? "dns" : "ip", value: name }));
    return this.#issue("Sartor server", publicKey, ExtendedKeyUsage.serverAuth, now, lifeMs, subjects);
  }

  /** The list of certificates that ended before their time, signed. */
  signRevocationList(revoked: readonly RevokedSerial[], now: number, lifeMs: number): Promise<SignedList> {
    return signRevocationList({ issuer: this.#intermediate, key: this.#key, revoked, now, lifeMs });
  }

  /** Tells whether this authority signed a certificate; its time is not looked at. */
  hasIssued(certificate: X509Certificate): boolean {
    const issuer = new X509Certificate(this.intermediatePem);
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  }

  async #issue(
    commonName: string,
    publicKey: Buffer,
    usage: ExtendedKeyUsage,
    now: number,
    lifeMs: number,
    names: JsonGeneralName[],
  ): Promise<IssuedCertificate> {
    const serial = newSerial();
    const key = new PublicKey(new Uint8Array(publicKey));
    // Certificates count whole seconds.
    const notBefore = new Date(Math.floor((now - BACKDATE_MS) / 1_000) * 1_000);
    const notAfter = new Date(Math.floor(Math.min(now + lifeMs, this.endsAt) / 1_000) * 1_000);
    const certificate = await X509CertificateGenerator.create(
      {
        serialNumber: serial,
        subject: [{ CN: [commonName] }],
        issuer: this.#intermediate.subjectName,
        notBefore,
        notAfter,
        publicKey: key,
        signingKey: this.#key,
        signingAlgorithm: ALGORITHM,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([usage]),
          new SubjectAlternativeNameExtension(names),
          await SubjectKeyIdentifierExtension.create(key, false, crypto),
          await AuthorityKeyIdentifierExtension.create(this.#intermediate.publicKey, false, crypto),
        ],
      },
      crypto,
    );
    const der = new Uint8Array(certificate.rawData);
    return {
      serial,
      fingerprint: sha256Hex(der),
      keyFingerprint: sha256Hex(publicKey),
      pem: `${pemOf(certificate.rawData)}${this.intermediatePem}`,
      notBefore: notBefore.getTime(),
      notAfter: notAfter.getTime(),
    };
  }
}
