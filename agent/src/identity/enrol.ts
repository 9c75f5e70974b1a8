import { randomBytes, type X509Certificate } from "node:crypto";
import { SartorError } from "@sartor/shared/errors";
import {
  enrolmentReplySchema,
  enrolmentTokenSchema,
  PROTOCOL_VERSION,
  pendingEnrolmentReplySchema,
} from "@sartor/shared/protocol";
import { type Clock, type Logger, postJson, TlsIdentity } from "../platform/index.js";
import { makeCertificateRequest } from "./certificate-request.js";
import { checkCertificate, fingerprintOf, readCertificates } from "./check-certificate.js";
import { ClaimWait } from "./claim-wait.js";
import { addressOf } from "./control-plane-address.js";
import { fetchAuthority } from "./fetch-authority.js";
import type { StoredIdentity } from "./identity-store.js";
import { refusalOf } from "./refusal.js";

/** First and longest wait between two attempts to reach the control plane, ms. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

export interface EnrolRequest {
  /** https address of the control plane. */
  readonly controlPlaneUrl: string;
  /** One-time token: secret and fingerprint of the root. Without one the device waits until an operator claims its key. */
  readonly token: string | undefined;
  /** SHA-256 of the control plane's root, base64url; needed where no token says it. */
  readonly authorityFingerprint: string | undefined;
  /** The device's private key, PEM. */
  readonly key: string;
  readonly deviceName: string;
  readonly emulated: boolean;
  /** The kinds of hardware that the device is, the most special one first. */
  readonly hardware: readonly string[];
  /** The least that the time can be, ms since 1970: a device without a battery wakes up in 1970. */
  readonly earliest: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/**
 * Enrols by a one-time token, or without one by the key, once an operator claimed it: believes the root that token or setting name, and from
 * then on only a TLS server which that root vouches for; sends a certificate request; checks the certificate that comes back. Waits and
 * tries again while the control plane is away, or the key is not claimed. Stores nothing: the same token or claim with the same key gets the
 * same certificate again.
 *
 * @throws SartorError SRT_CONFIG_INVALID for a token or an address that is none, SRT_AUTHORITY_MISMATCH, SRT_CERTIFICATE_UNKNOWN for a
 * reply that does not fit; the control plane's own code when it refuses
 */
export async function enrol(request: EnrolRequest): Promise<StoredIdentity> {
  const { clock, logger, signal } = request;
  const fingerprint = pinnedBy(request);
  if (!request.controlPlaneUrl.startsWith("https://"))
    throw new SartorError("SRT_CONFIG_INVALID", "SARTOR_CONTROL_PLANE_URL must be an https address.");
  const claim = new ClaimWait(request);
  for (let failures = 0; ; ) {
    let wait: number;
    try {
      const authority = addressOf(request.controlPlaneUrl, "/api/v1/certificates/authority");
      const answer = await ask(request, await fetchAuthority(authority, fingerprint, signal));
      if ("identity" in answer) return answer.identity;
      failures = 0;
      wait = claim.next(answer.retryAfterMs);
    } catch (thrown) {
      const error = SartorError.from(thrown);
      if (signal.aborted || !(error instanceof Delayed || error.code === "SRT_DOWNLOAD_FAILED")) throw error;
      wait = Math.min(FIRST_WAIT_MS * 2 ** Math.min(failures++, 30), LONGEST_WAIT_MS);
      logger.warn("enrolment waits for the control plane", { code: error.code, message: error.message, waitMs: wait });
    }
    await clock.sleep(wait, signal);
  }
}

/** The root that the device believes, by its token, by a setting, or by both alike. */
function pinnedBy({ token, authorityFingerprint }: EnrolRequest): string {
  if (token === undefined) {
    if (authorityFingerprint !== undefined) return authorityFingerprint;
    throw new SartorError("SRT_CONFIG_INVALID", "Without an enrolment token SARTOR_CA_FINGERPRINT is needed.");
  }
  const parsed = enrolmentTokenSchema.safeParse(token);
  if (!parsed.success)
    throw new SartorError("SRT_CONFIG_INVALID", "SARTOR_ENROLMENT_TOKEN is not an enrolment token of this release.");
  const fingerprint = parsed.data.slice(parsed.data.indexOf(".") + 1);
  if (authorityFingerprint !== undefined && authorityFingerprint !== fingerprint)
    throw new SartorError(
      "SRT_CONFIG_INVALID",
      "SARTOR_ENROLMENT_TOKEN names another root certificate than SARTOR_CA_FINGERPRINT does.",
    );
  return fingerprint;
}

/** A refusal that passes with time. */
class Delayed extends SartorError {}

/** The identity, or after which time to ask again for it. */
type Answer = { readonly identity: StoredIdentity } | { readonly retryAfterMs: number };

async function ask(request: EnrolRequest, root: X509Certificate): Promise<Answer> {
  const { key, token, deviceName, emulated, hardware, signal } = request;
  const path = token === undefined ? "/api/v1/enrolments/pending" : "/api/v1/enrolments";
  const body = {
    schemaVersion: PROTOCOL_VERSION,
    ...(token === undefined ? {} : { token }),
    csr: await makeCertificateRequest(key),
    name: deviceName,
    emulated,
    hardware,
  };
  const tls = new TlsIdentity({ ca: root.toString() });
  try {
    const reply = await postJson(addressOf(request.controlPlaneUrl, path), body, tls, signal);
    const refusal = refusalOf(reply, "enrolment");
    if (refusal?.isLasting) throw refusal.error;
    if (refusal !== undefined) throw new Delayed(refusal.error.code, refusal.error.message);
    const pending = pendingEnrolmentReplySchema.safeParse(reply.json);
    if (token === undefined && pending.success) return { retryAfterMs: pending.data.retryAfterSeconds * 1_000 };
    return { identity: readReply(request, root, reply.json) };
  } finally {
    tls.close();
  }
}

function readReply({ key, clock, earliest }: EnrolRequest, root: X509Certificate, json: unknown): StoredIdentity {
  const parsed = enrolmentReplySchema.safeParse(json);
  if (!parsed.success)
    throw new SartorError("SRT_MESSAGE_INVALID", "The control plane's reply to the enrolment does not fit its schema.");
  const { deviceId, certificate, authorities, mqttUrl, httpUrl } = parsed.data;
  if (new URL(mqttUrl).protocol !== "mqtts:" || new URL(httpUrl).protocol !== "https:")
    throw new SartorError(
      "SRT_MESSAGE_INVALID",
      `The control plane named an address without TLS: ${mqttUrl}, ${httpUrl}.`,
    );
  if (!sameAuthorities(authorities, root.toString()))
    throw new SartorError(
      "SRT_AUTHORITY_MISMATCH",
      "The control plane named another root than the one that this device was told to trust.",
    );
  const pinned = root.toString();
  const facts = checkCertificate({ certificate, key, authorities: pinned, now: Math.max(clock.now(), earliest) });
  if (facts.deviceId !== deviceId)
    throw new SartorError(
      "SRT_CERTIFICATE_UNKNOWN",
      `The certificate is for ${facts.deviceId} and not for ${deviceId}.`,
    );
  const enrolmentId = randomBytes(8).toString("hex");
  return { deviceId, enrolmentId, mqttUrl, httpUrl, key, certificate, authorities: pinned };
}

/** Tells whether two lists hold the same certificates: what is trusted does not change on the word of a server. */
export function sameAuthorities(one: string, other: string): boolean {
  const prints = (pem: string) =>
    [...new Set(readCertificates(pem).map((certificate) => fingerprintOf(certificate).toString("hex")))].sort().join();
  return prints(one) === prints(other);
}
