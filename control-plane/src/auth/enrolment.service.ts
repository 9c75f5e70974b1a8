import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import {
  DEFAULT_GROUP,
  type EnrolmentKeyReply,
  type EnrolmentKeyRequest,
  type EnrolmentReply,
  type EnrolmentRequest,
  type EnrolmentTokenReply,
  type EnrolmentTokenRequest,
  type GroupScope,
  type PendingEnrolmentReply,
  type PendingEnrolmentRequest,
  type PendingEnrolmentsReply,
  scopeIncludes,
} from "@sartor/shared/protocol";
import { Clock, Ids, PublicAddresses, Settings } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { rateLimited } from "../http/index.js";
import type { EnrolmentTokenTable } from "./auth.tables.js";
import { CertificateAuthority } from "./certificate-authority.js";
import { parseCertificateRequest, type RequestedKey } from "./certificate-request.js";
import { DeviceGroups } from "./device-groups.service.js";
import { DEVICE_ID_SUFFIX_LENGTH, deviceIdOf } from "./device-id.js";
import { DeviceIdentities } from "./device-identities.service.js";
import { EnrolmentsRepository } from "./enrolments.repository.js";
import { hashSecret } from "./secrets.js";
import { StrangersLimit } from "./strangers-limit.js";

/** Randomness of a token, bytes. */
const TOKEN_BYTES = 32;
const DAY_MS = 86_400_000;
/** How long expired tokens are remembered, so that a late attempt hears "expired" and not "unknown", ms. */
const REMEMBER_EXPIRED_MS = 7 * DAY_MS;
/** How long a device that does not ask again is kept waiting, ms, and how often it should ask, s. */
const PENDING_LIFE_MS = 3_600_000;
const ASK_AGAIN_SECONDS = 30;
/** Most waiting devices that are listed. */
const PENDING_LISTED = 500;

/** Where an enrolment came from. */
export interface EnrolmentOrigin {
  /** Address of the client, for rate limiting. */
  readonly address: string;
  /** Host name through which it reached us, for the addresses in the reply. */
  readonly host: string | undefined;
}

/** What a device says of itself when it enrols. */
type Candidate = Pick<EnrolmentRequest, "name" | "emulated" | "hardware">;

/** Turns one-time tokens, and keys that an operator allowed, into enrolled devices. */
@Injectable()
export class EnrolmentService {
  constructor(
    private readonly repository: EnrolmentsRepository,
    private readonly authority: CertificateAuthority,
    private readonly identities: DeviceIdentities,
    private readonly groups: DeviceGroups,
    private readonly strangers: StrangersLimit,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly addresses: PublicAddresses,
    private readonly settings: Settings,
  ) {}

  /**
   * Makes a one-time token; this is the only time that it is shown.
   *
   * @param host through which the operator reached this control plane
   * @throws SartorError SRT_DEVICE_UNKNOWN when it is to replace a device that is not enrolled
   */
  async createToken(request: EnrolmentTokenRequest, host?: string): Promise<EnrolmentTokenReply> {
    const secret = this.ids.secret(TOKEN_BYTES);
    const expiresAt = await this.#keepGrant(hashSecret(secret), request);
    return {
      token: `${secret}.${this.authority.rootFingerprint}`,
      expiresAt,
      deviceUrl: this.addresses.deviceUrl(host),
    };
  }

  /**
   * Allows the device with a key to enrol without a token, whether it waits already or not.
   *
   * @param scope groups that whoever allows it is for: what others allowed for theirs stays
   * @throws SartorError SRT_DEVICE_UNKNOWN, SRT_ENROLMENT_TOKEN_USED when the key has enrolled a device, SRT_GROUP_FORBIDDEN
   */
  async allowKey(request: EnrolmentKeyRequest, scope: GroupScope = null): Promise<EnrolmentKeyReply> {
    const { fingerprint } = request;
    const allowed = await this.repository.findGrant(hashOfKey(fingerprint));
    const counts = allowed !== undefined && allowed.used_at === null && allowed.expires_at > this.clock.now();
    if (counts && !(await this.#isFor(allowed, scope))) {
      throw new SartorError("SRT_GROUP_FORBIDDEN", "This key was allowed for another group of devices already.");
    }
    return { fingerprint, expiresAt: await this.#keepGrant(hashOfKey(fingerprint), request) };
  }

  /** Devices that wait for {@link allowKey}. */
  async pending(): Promise<PendingEnrolmentsReply> {
    const rows = await this.repository.listPending(this.clock.now(), PENDING_LISTED);
    return {
      items: rows.map((row) => ({
        fingerprint: row.key_fingerprint,
        name: row.name,
        emulated: row.emulated === 1,
        hardware: JSON.parse(row.hardware),
        address: row.address,
        firstSeenAt: row.first_seen_at,
        lastSeenAt: row.last_seen_at,
        expiresAt: row.expires_at,
      })),
    };
  }

  /**
   * Enrols a device by its token. The same token with the same key gives the same certificate again: a lost reply costs nothing.
   *
   * @throws SartorError SRT_CSR_INVALID, SRT_ENROLMENT_TOKEN_UNKNOWN, SRT_ENROLMENT_TOKEN_EXPIRED, SRT_ENROLMENT_TOKEN_USED,
   *   SRT_ENROLMENT_SCOPE, SRT_CERTIFICATE_REVOKED, SRT_DEVICE_UNKNOWN, SRT_RATE_LIMITED
   */
  async enrol(request: EnrolmentRequest, origin: EnrolmentOrigin): Promise<EnrolmentReply> {
    this.strangers.take(origin.address);
    const [secret = "", fingerprint] = request.token.split(".");
    if (fingerprint !== this.authority.rootFingerprint) throw unknownToken();
    const grant = await this.repository.findGrant(hashSecret(secret));
    if (grant === undefined) throw unknownToken();
    return this.#redeem(grant, request, await parseCertificateRequest(request.csr), origin);
  }

  /**
   * Enrols a device whose key an operator allowed; notes it as waiting otherwise.
   *
   * @throws SartorError what {@link enrol} throws
   */
  async enrolByKey(
    request: PendingEnrolmentRequest,
    origin: EnrolmentOrigin,
  ): Promise<EnrolmentReply | PendingEnrolmentReply> {
    this.strangers.take(origin.address);
    const now = this.clock.now();
    const key = await parseCertificateRequest(request.csr);
    const grant = await this.repository.findGrant(hashOfKey(key.keyFingerprint));
    const isAllowed = grant !== undefined && (grant.used_at !== null || grant.expires_at > now);
    if (isAllowed) return this.#redeem(grant, request, key, origin);
    const expiresAt = now + PENDING_LIFE_MS;
    const row = {
      key_fingerprint: key.keyFingerprint,
      name: request.name,
      emulated: request.emulated ? 1 : 0,
      hardware: JSON.stringify(request.hardware),
      address: origin.address,
      first_seen_at: now,
      last_seen_at: now,
      expires_at: expiresAt,
    };
    await this.repository.forgetExpired({ grants: now - REMEMBER_EXPIRED_MS, pending: now });
    const kept = await this.repository.keepPending(row, this.settings.pendingEnrolments);
    if (kept === "full") throw rateLimited("As many devices wait as may; claim some, or use a token", PENDING_LIFE_MS);
    if (kept === "new") this.events.emit("device.waiting", { keyFingerprint: key.keyFingerprint });
    return { status: "pending", fingerprint: key.keyFingerprint, retryAfterSeconds: ASK_AGAIN_SECONDS, expiresAt };
  }

  /** Tells whether a grant is for a group of a scope, or for a device in one. */
  async #isFor({ group_name: group, replaces }: EnrolmentTokenTable, scope: GroupScope): Promise<boolean> {
    return replaces === null ? scopeIncludes(scope, group ?? DEFAULT_GROUP) : this.groups.sees(scope, replaces);
  }

  async #keepGrant(tokenHash: string, request: EnrolmentTokenRequest | EnrolmentKeyRequest): Promise<number> {
    const now = this.clock.now();
    const expiresAt = now + request.lifetimeSeconds * 1_000;
    const { replaces } = request;
    if (replaces !== undefined && !(await this.identities.isEnrolled(replaces))) {
      throw new SartorError("SRT_DEVICE_UNKNOWN", `No device ${replaces} is enrolled.`);
    }
    await this.repository.forgetExpired({ grants: now - REMEMBER_EXPIRED_MS, pending: now });
    const kept = await this.repository.keepGrant({
      token_hash: tokenHash,
      note: request.note ?? null,
      created_at: now,
      expires_at: expiresAt,
      hardware: request.hardware === undefined ? null : JSON.stringify(request.hardware),
      replaces: replaces ?? null,
      offline_site: request.offlineSite ? 1 : 0,
      group_name: replaces === undefined ? (request.group ?? DEFAULT_GROUP) : null,
    });
    if (!kept) throw new SartorError("SRT_ENROLMENT_TOKEN_USED", "A device has enrolled with this key already.");
    return expiresAt;
  }

  async #redeem(
    grant: EnrolmentTokenTable,
    device: Candidate,
    key: RequestedKey,
    origin: EnrolmentOrigin,
  ): Promise<EnrolmentReply> {
    const now = this.clock.now();
    if (grant.used_at !== null) return this.#again(grant, device, key, origin);
    if (grant.expires_at <= now) {
      throw new SartorError("SRT_ENROLMENT_TOKEN_EXPIRED", "The enrolment token has expired; ask for a new one.");
    }
    requireScope(grant, device.hardware);
    const deviceId = grant.replaces ?? deviceIdOf(device.name, this.ids.suffix(DEVICE_ID_SUFFIX_LENGTH));
    const offlineSite = grant.offline_site === 1;
    const days = offlineSite ? this.settings.certificateOfflineDays : this.settings.certificateDays;
    const certificate = await this.authority.issueDevice(deviceId, key.publicKey, now, days * DAY_MS);
    const replaces = grant.replaces !== null;
    const { hardware } = device;
    const tokenHash = grant.token_hash;
    // Tokens of before there were groups name none.
    const group = grant.group_name ?? DEFAULT_GROUP;
    const redemption = { tokenHash, deviceId, replaces, hardware, offlineSite, group, certificate, now };
    if (!(await this.repository.redeem(redemption))) {
      // Somebody was faster, perhaps this device itself.
      const used = await this.repository.findGrant(tokenHash);
      if (used === undefined || used.used_at === null) throw unknownToken();
      return this.#again(used, device, key, origin);
    }
    if (replaces) this.identities.end(deviceId, certificate.serial);
    return this.#reply(deviceId, certificate.pem, device, origin);
  }

  /** What a used grant gives: the same certificate to the same key, nothing to any other. */
  async #again(
    grant: EnrolmentTokenTable,
    device: Candidate,
    key: RequestedKey,
    origin: EnrolmentOrigin,
  ): Promise<EnrolmentReply> {
    const given = grant.serial === null ? undefined : await this.repository.findCertificate(grant.serial);
    if (given === undefined || given.key_fingerprint !== key.keyFingerprint) {
      throw new SartorError("SRT_ENROLMENT_TOKEN_USED", "The enrolment token was redeemed by another device.");
    }
    if (given.revoked_at !== null) {
      throw new SartorError("SRT_CERTIFICATE_REVOKED", "The certificate that this token gave was revoked.");
    }
    return this.#reply(given.device_id, given.pem, device, origin);
  }

  async #reply(
    deviceId: string,
    certificate: string,
    { name, emulated }: Candidate,
    { host }: EnrolmentOrigin,
  ): Promise<EnrolmentReply> {
    // Waited for, and told again for a repeated attempt: the registry's row is written before the device hears its id.
    await this.events.emitAndWait("device.enrolled", { deviceId, name, emulated, at: this.clock.now() });
    return {
      deviceId,
      certificate,
      authorities: this.authority.rootPem,
      mqttUrl: this.addresses.mqttUrl(host),
      httpUrl: this.addresses.deviceUrl(host),
    };
  }
}

function hashOfKey(fingerprint: string): string {
  return hashSecret(`key:${fingerprint}`);
}

function requireScope(grant: EnrolmentTokenTable, hardware: readonly string[]): void {
  if (grant.hardware === null) return;
  const allowed = JSON.parse(grant.hardware) as string[];
  if (hardware.some((each) => allowed.includes(each))) return;
  throw new SartorError(
    "SRT_ENROLMENT_SCOPE",
    `The token is for ${allowed.join(", ")}; this device is ${hardware.join(", ")}.`,
  );
}

function unknownToken(): SartorError {
  return new SartorError("SRT_ENROLMENT_TOKEN_UNKNOWN", "No such enrolment token.");
}
