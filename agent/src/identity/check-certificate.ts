import { createPrivateKey, timingSafeEqual, X509Certificate } from "node:crypto";
import { SartorError } from "@sartor/shared/errors";

/** RFC 5280, section 4.2.1.12: id-kp-clientAuth. */
const CLIENT_AUTHENTICATION = "1.3.6.1.5.5.7.3.2";
/** Leaf, intermediate, root, and room for one more. */
export const LONGEST_CHAIN = 4;
/** A certificate may begin so much later than this device's clock says, ms: clocks differ. */
const CLOCK_DIFFERENCE_MS = 24 * 3_600_000;

/** What a certificate says that this device needs to know. */
export interface CertificateFacts {
  readonly deviceId: string;
  readonly serial: string;
  /** SHA-256 of the certificate, hex. */
  readonly fingerprint: string;
  /** ms since 1970. */
  readonly notBefore: number;
  /** ms since 1970. */
  readonly notAfter: number;
}

export interface CheckedCertificate {
  /** Leaf, then intermediates, PEM. */
  readonly certificate: string;
  /** The private key that it must be for, PEM. */
  readonly key: string;
  /** The roots that are trusted, PEM. */
  readonly authorities: string;
  /** ms since 1970; undefined where the dates do not matter, as when a stored certificate is read. */
  readonly now?: number;
}

/** Reads the certificates of a PEM text. @throws SartorError SRT_CERTIFICATE_UNKNOWN when one is damaged or there are too many */
export function readCertificates(pem: string): X509Certificate[] {
  const texts = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (texts.length === 0 || texts.length > LONGEST_CHAIN) throw bad(`it holds ${texts.length} certificates`);
  try {
    return texts.map((text) => new X509Certificate(text));
  } catch (cause) {
    throw bad("it is damaged", cause);
  }
}

/** SHA-256 of a certificate's DER. */
export function fingerprintOf(certificate: X509Certificate): Buffer {
  return Buffer.from(certificate.fingerprint256.replaceAll(":", ""), "hex");
}

/** Tells in constant time whether a certificate is the one of a fingerprint (base64url of SHA-256). */
export function hasFingerprint(certificate: X509Certificate, fingerprint: string): boolean {
  const expected = Buffer.from(fingerprint, "base64url");
  const actual = fingerprintOf(certificate);
  return expected.byteLength === actual.byteLength && timingSafeEqual(expected, actual);
}

/**
 * Checks a device certificate before it is stored or used: for this key, a chain of certificate authorities up to a trusted root, for
 * TLS clients, its common name and its URI name the same device, and not past its time.
 *
 * @throws SartorError SRT_CERTIFICATE_UNKNOWN saying what is wrong with it; SRT_CERTIFICATE_EXPIRED when it is past its time
 */
export function checkCertificate({ certificate, key, authorities, now }: CheckedCertificate): CertificateFacts {
  const chain = readCertificates(certificate);
  if (!chain[0]?.checkPrivateKey(createPrivateKey(key))) throw bad("it is for another key than this device's");
  return checkDeviceChain(chain, readCertificates(authorities), now);
}

/**
 * Checks that certificates are a device's: a chain up to a trusted root, for TLS clients, its common name and its URI name the same device,
 * not past its time. That somebody holds the key, others have to show.
 *
 * @param chain leaf first
 * @throws SartorError SRT_CERTIFICATE_UNKNOWN, SRT_CERTIFICATE_EXPIRED as {@link checkCertificate}
 */
export function checkDeviceChain(
  [leaf, ...intermediates]: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  now: number | undefined,
): CertificateFacts {
  if (leaf === undefined) throw bad("it holds no certificate");
  checkChain(leaf, intermediates, roots);
  return checkDeviceLeaf(leaf, now);
}

/** The same where TLS itself has checked the chain. */
export function checkDeviceLeaf(leaf: X509Certificate, now: number | undefined): CertificateFacts {
  if (leaf.ca) throw bad("it is an authority's");
  if (!(leaf.keyUsage ?? []).includes(CLIENT_AUTHENTICATION)) throw bad("it is not for TLS clients");
  const deviceId = /^CN=(.+)$/m.exec(leaf.subject)?.[1] ?? "";
  const names = (leaf.subjectAltName ?? "").split(", ");
  if (deviceId === "" || !names.includes(`URI:urn:sartor:device:${deviceId}`)) throw bad("it names no device");
  const [notBefore, notAfter] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  if (now !== undefined && notBefore > now + CLOCK_DIFFERENCE_MS)
    throw bad(
      `it begins at ${leaf.validFromDate.toISOString()}, and this device's clock says ${new Date(now).toISOString()}`,
    );
  if (now !== undefined && notAfter <= now)
    throw new SartorError(
      "SRT_CERTIFICATE_EXPIRED",
      `The certificate of ${deviceId} ended at ${leaf.validToDate.toISOString()}, and this device's clock says ${new Date(now).toISOString()}.`,
    );
  return { deviceId, serial: leaf.serialNumber, fingerprint: fingerprintOf(leaf).toString("hex"), notBefore, notAfter };
}

function checkChain(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): void {
  let below = leaf;
  for (const above of intermediates) {
    // A root that is sent along proves nothing: only a trusted one counts, below.
    if (roots.some((root) => fingerprintOf(root).equals(fingerprintOf(above)))) break;
    if (!isIssuer(above, below)) throw bad("its chain is broken");
    below = above;
  }
  if (!roots.some((root) => isIssuer(root, below))) throw bad("its chain does not end at the control plane's root");
}

const isIssuer = (issuer: X509Certificate, issued: X509Certificate): boolean =>
  issuer.ca && issued.checkIssued(issuer) && issued.verify(issuer.publicKey);

function bad(why: string, cause?: unknown): SartorError {
  return new SartorError("SRT_CERTIFICATE_UNKNOWN", `The certificate cannot be used: ${why}.`, { cause });
}
