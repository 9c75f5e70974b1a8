import { createPublicKey, verify, X509Certificate } from "node:crypto";
import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type {
  lateRenewalRequestSchema,
  RenewalReply,
  renewalNonceSchema,
  ServerCertificateReply,
  ServerCertificateRequest,
} from "@sartor/shared/protocol";
import type { z } from "zod";
import { Clock, Settings } from "../config/index.js";
import { RateLimiter, rateLimited } from "../http/index.js";
import { CertificateAuthority } from "./certificate-authority.js";
import { parseCertificateRequest, type RequestedKey, sha256Hex } from "./certificate-request.js";
import { type CertificateOfDevice, CertificatesRepository } from "./certificates.repository.js";
import { DeviceIdentities } from "./device-identities.service.js";
import { expired, type PeerCertificate, revoked, unknown } from "./peer-certificate.js";
import { NONCE_LIFE_MS, RenewalNonces } from "./renewal-nonces.js";
import { StrangersLimit } from "./strangers-limit.js";

const DAY_MS = 86_400_000;
const SERVER_LIFE_DAYS = 365;
/** A device renews every few weeks; some more for those that start over. */
const RENEWALS = { burst: 10, perMinute: 0.2 };

/** New certificates for devices that have one. */
@Injectable()
export class Renewals {
  readonly #nonces = new RenewalNonces();
  readonly #limiter = new RateLimiter(RENEWALS);

  constructor(
    private readonly authority: CertificateAuthority,
    private readonly repository: CertificatesRepository,
    private readonly identities: DeviceIdentities,
    private readonly strangers: StrangersLimit,
    private readonly clock: Clock,
    private readonly settings: Settings,
  ) {}

  /**
   * Renews the certificate that a connection shows. The old one counts until the new one is first used. The same key gets the same certificate,
   * so that a lost reply costs nothing.
   *
   * @throws SartorError SRT_CSR_INVALID, SRT_RATE_LIMITED, SRT_CERTIFICATE_REVOKED
   */
  async renew(peer: PeerCertificate, csr: string): Promise<RenewalReply> {
    const state = await this.identities.check(peer);
    return this.#renew(state, await parseCertificateRequest(csr));
  }

  /** What an expired device signs. */
  nonce(address: string): z.infer<typeof renewalNonceSchema> {
    this.strangers.take(address);
    return { nonce: this.#nonces.make(this.clock.now()), expiresInSeconds: NONCE_LIFE_MS / 1_000 };
  }

  /**
   * Renews a certificate that ended within the grace, for a device that shows that it holds its key.
   *
   * @throws SartorError SRT_UNAUTHENTICATED (nonce, signature), SRT_CERTIFICATE_UNKNOWN, SRT_CERTIFICATE_REVOKED, SRT_CERTIFICATE_EXPIRED,
   *   SRT_CSR_INVALID, SRT_RATE_LIMITED
   */
  async renewLate(request: z.infer<typeof lateRenewalRequestSchema>, address: string): Promise<RenewalReply> {
    this.strangers.take(address);
    const now = this.clock.now();
    const { nonce, csr } = request;
    if (!this.#nonces.isValid(nonce, now)) throw refusedProof("The nonce is not one of ours or has ended.");
    const certificate = readCertificate(request.certificate);
    const signed = Buffer.from(`sartor-late-renewal\n${nonce}\n${sha256Hex(csr)}`);
    if (!isSignedBy(certificate, signed, request.signature)) {
      throw refusedProof("The signature is not that of the certificate's key.");
    }
    if (!this.#nonces.use(nonce, now)) throw refusedProof("The nonce was used.");
    const state = await this.identities.find(sha256Hex(certificate.raw));
    if (state === undefined) throw unknown();
    if (state.revoked_at !== null || state.device_revoked_at !== null) throw revoked();
    if (state.not_after + this.settings.certificateGraceDays * DAY_MS <= now) throw expired();
    return this.#renew(state, await parseCertificateRequest(csr));
  }

  /** A certificate for an external broker: devices trust no other root than ours. */
  async issueServer({ csr, names }: ServerCertificateRequest): Promise<ServerCertificateReply> {
    const { publicKey } = await parseCertificateRequest(csr);
    const issued = await this.authority.issueServer(names, publicKey, this.clock.now(), SERVER_LIFE_DAYS * DAY_MS);
    return { certificate: issued.pem, authorities: this.authority.rootPem, expiresAt: issued.notAfter };
  }

  async #renew(old: CertificateOfDevice, { publicKey, keyFingerprint }: RequestedKey): Promise<RenewalReply> {
    const { device_id: deviceId, serial } = old;
    if (keyFingerprint === old.key_fingerprint) {
      throw new SartorError("SRT_CSR_INVALID", "A renewal is for a new key; this is the old one.");
    }
    const now = this.clock.now();
    const authorities = this.authority.rootPem;
    const known = await this.repository.findOfKey(deviceId, keyFingerprint, now);
    if (known !== undefined) return { certificate: known.pem, authorities };
    const wait = this.#limiter.take(deviceId, now);
    if (wait > 0) throw rateLimited("Too many renewals of this device", wait);
    const days = old.offline_site === 1 ? this.settings.certificateOfflineDays : this.settings.certificateDays;
    const issued = await this.authority.issueDevice(deviceId, publicKey, now, days * DAY_MS);
    if (!(await this.repository.addRenewed(deviceId, issued, { serial, now }))) throw revoked();
    return { certificate: issued.pem, authorities };
  }
}

function readCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw unknown();
  }
}

function isSignedBy(certificate: X509Certificate, content: Buffer, signature: string): boolean {
  try {
    const key = createPublicKey(certificate.publicKey.export({ type: "spki", format: "pem" }));
    if (key.asymmetricKeyType !== "ec") return false;
    return verify("sha256", content, { key, dsaEncoding: "der" }, Buffer.from(signature, "base64url"));
  } catch {
    return false;
  }
}

function refusedProof(message: string): SartorError {
  return new SartorError("SRT_UNAUTHENTICATED", message);
}
