import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { SartorError } from "@sartor/shared/errors";
import { checkDeviceChain, checkDeviceLeaf, LONGEST_CHAIN, readCertificates } from "./check-certificate.js";

export interface CheckPeerOptions {
  /** The roots that are trusted, PEM. */
  readonly authorities: string;
  /** ms since 1970. */
  readonly now: number;
  /** As far as this device knows. */
  readonly isRevoked: (serial: string) => boolean;
}

/**
 * Who is at the other end of a TLS connection, which must be a device of this fleet. TLS has shown that it holds the key of its certificate, and
 * trusts no roots but this fleet's; all else is checked here, on either side of the connection.
 *
 * @returns the device's id
 * @throws SartorError SRT_CERTIFICATE_UNKNOWN, SRT_CERTIFICATE_EXPIRED, SRT_CERTIFICATE_REVOKED
 */
export function checkPeer(socket: TLSSocket, { authorities, now, isRevoked }: CheckPeerOptions): string {
  // A server's TLS has checked the chain and does not keep it; a client's refuses every certificate that is not a server's.
  const leaf = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  const facts =
    leaf === undefined
      ? checkDeviceChain(chainOf(socket), readCertificates(authorities), now)
      : checkDeviceLeaf(leaf, now);
  if (isRevoked(facts.serial))
    throw new SartorError("SRT_CERTIFICATE_REVOKED", `The certificate of ${facts.deviceId} was revoked.`);
  return facts.deviceId;
}

/** What the peer showed, leaf first. */
function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  // Node's typings leave out that there may be none: then it is an empty object.
  let at: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (at?.raw !== undefined && chain.length < LONGEST_CHAIN) {
    chain.push(new X509Certificate(at.raw));
    at = at.issuerCertificate === at ? undefined : at.issuerCertificate;
  }
  return chain;
}
