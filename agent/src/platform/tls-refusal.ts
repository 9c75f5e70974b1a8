/** Why a TLS handshake ended, where the certificates are to blame. */
export type TlsRefusal =
  /** The peer says that our certificate is past its time. */
  | "expired"
  /** The peer does not accept our certificate for another reason. */
  | "refused"
  /** We do not accept the peer's certificate. */
  | "untrusted";

/** OpenSSL's names of the alerts (RFC 8446, section 6.2) by which a peer refuses a client certificate. */
const REFUSING_ALERTS =
  /ALERT_(CERTIFICATE_REVOKED|CERTIFICATE_UNKNOWN|CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)$/;

/** Node's names of OpenSSL's results of checking a chain (nodejs.org/api/tls.html, "X509 certificate error codes"). */
const UNTRUSTED =
  /^(ERR_TLS_CERT_ALTNAME_INVALID|CERT_[A-Z_]+|UNABLE_TO_[A-Z_]+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH)$/;

/** Tells whether certificates ended a connection, and whose; undefined for any other trouble. Looks through the causes of an error. */
export function tlsRefusal(error: unknown): TlsRefusal | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const code = String((at as { code?: unknown }).code ?? "");
    if (/ALERT_CERTIFICATE_EXPIRED$/.test(code)) return "expired";
    if (REFUSING_ALERTS.test(code)) return "refused";
    if (UNTRUSTED.test(code)) return "untrusted";
  }
  return undefined;
}
