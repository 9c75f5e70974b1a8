import { randomBytes, type X509Certificate } from "node:crypto";
import { SartorError } from "@sartor/shared/errors";
import { enrolmentReplySchema, enrolmentTokenSchema, PROTOCOL_VERSION } from "@sartor/shared/protocol";
import { type Clock, type Logger, postJson, TlsIdentity } from "../platform/index.js";
import { makeCertificateRequest } from "./certificate-request.js";
import { checkCertificate, fingerprintOf, readCertificates } from "./check-certificate.js";
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
  /** One-time token: secret and fingerprint of the root. */
  readonly token: string;
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
  readonly signal: AbortSignal;
}

/**
 * Redeems a one-time token: believes the root that the token names, and from then on only a TLS server which that root vouches for; sends
 * a certificate request; checks the certificate that comes back. Waits and tries again while the control plane is away. Stores nothing:
 * the same token with the same key gets the same certificate again.
 *
 * @throws SartorError SRT_CONFIG_INVALID for a token or an address that is none, SRT_AUTHORITY_MISMATCH, SRT_CERTIFICATE_UNKNOWN for a
 * reply that does not fit; the control plane's own code when it refuses
 */
export async function enrol(request: EnrolRequest): Promise<StoredIdentity> {
  const { clock, logger, signal } = request;
  const token = enrolmentTokenSchema.safeParse(request.token);
  if (!token.success)
    throw new SartorError("SRT_CONFIG_INVALID", "SARTOR_ENROLMENT_TOKEN is not an enrolment token of this release.");
  if (!request.controlPlaneUrl.startsWith("https://"))
    throw new SartorError("SRT_CONFIG_INVALID", "SARTOR_CONTROL_PLANE_URL must be an https address.");
  const fingerprint = token.data.slice(token.data.indexOf(".") + 1);
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    try {
      const authority = addressOf(request.controlPlaneUrl, "/api/v1/certificates/authority");
      return await redeem(request, await fetchAuthority(authority, fingerprint, signal));
    } catch (thrown) {
      const error = SartorError.from(thrown);
      if (signal.aborted || !(error instanceof Delayed || error.code === "SRT_DOWNLOAD_FAILED")) throw error;
      logger.warn("enrolment waits for the control plane", { code: error.code, message: error.message, waitMs: wait });
    }
    await clock.sleep(wait, signal);
  }
}

/** A refusal that passes with time. */
class Delayed extends SartorError {}

async function redeem(request: EnrolRequest, root: X509Certificate): Promise<StoredIdentity> {
  const { key, token, deviceName, emulated, hardware, signal } = request;
  const body = {
    schemaVersion: PROTOCOL_VERSION,
    token,
    csr: await makeCertificateRequest(key),
    name: deviceName,
    emulated,
    hardware,
  };
  const tls = new TlsIdentity({ ca: root.toString() });
  try {
    const reply = await postJson(addressOf(request.controlPlaneUrl, "/api/v1/enrolments"), body, tls, signal);
    const refusal = refusalOf(reply, "enrolment");
    if (refusal?.isLasting) throw refusal.error;
    if (refusal !== undefined) throw new Delayed(refusal.error.code, refusal.error.message);
    return readReply(request, root, reply.json);
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
      "The control plane named another root than the enrolment token does.",
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
