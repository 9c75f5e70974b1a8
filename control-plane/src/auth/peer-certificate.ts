import type { TLSSocket } from "node:tls";
import { SartorError } from "@sartor/shared/errors";
import { deviceIdSchema } from "@sartor/shared/protocol";
import { sha256Hex } from "./certificate-request.js";

/** The certificate that a device showed in its TLS handshake; TLS has checked that it holds the key. */
export interface PeerCertificate {
  readonly deviceId: string;
  /** Hex, lower case. */
  readonly serial: string;
  /** SHA-256 of the DER, hex. */
  readonly fingerprint: string;
  readonly notAfter: number;
}

/** What a socket showed never changes, so it is read once. */
const read = new WeakMap<TLSSocket, PeerCertificate>();

/**
 * Who is at the other end, as far as its certificate tells: one that chains to Sartor's root and was in its time in the handshake.
 *
 * @throws SartorError SRT_UNAUTHENTICATED without a certificate, SRT_CERTIFICATE_EXPIRED, SRT_CERTIFICATE_UNKNOWN
 */
export function peerCertificateOf(socket: TLSSocket): PeerCertificate {
  const known = read.get(socket);
  if (known !== undefined) return known;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    throw new SartorError("SRT_UNAUTHENTICATED", "Devices show their certificate here; this connection has none.");
  }
  if (!socket.authorized) {
    // The typings say Error; Node sets the code of OpenSSL's finding.
    const finding = String(socket.authorizationError);
    if (finding.includes("CERT_HAS_EXPIRED")) throw expired();
    throw new SartorError("SRT_CERTIFICATE_UNKNOWN", `The certificate was not issued here (${finding.slice(0, 100)}).`);
  }
  const commonName = /^CN=([^\n]+)$/.exec(certificate.subject)?.[1] ?? "";
  const deviceId = deviceIdSchema.safeParse(commonName);
  if (!deviceId.success) throw unknown();
  const peer = {
    deviceId: deviceId.data,
    serial: certificate.serialNumber.toLowerCase(),
    fingerprint: sha256Hex(certificate.raw),
    notAfter: certificate.validToDate.getTime(),
  };
  read.set(socket, peer);
  return peer;
}

export function expired(): SartorError {
  return new SartorError(
    "SRT_CERTIFICATE_EXPIRED",
    "The certificate has ended; within the grace it can be renewed at /api/v1/certificates/late-renewals.",
  );
}

export function unknown(): SartorError {
  return new SartorError("SRT_CERTIFICATE_UNKNOWN", "The certificate is not that of an enrolled device.");
}

export function revoked(): SartorError {
  return new SartorError("SRT_CERTIFICATE_REVOKED", "The certificate was revoked.");
}
