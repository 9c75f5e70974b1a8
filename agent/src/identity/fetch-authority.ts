import type { X509Certificate } from "node:crypto";
import { request } from "node:https";
import { SartorError } from "@sartor/shared/errors";
import { hasFingerprint, readCertificates } from "./check-certificate.js";

const MAXIMUM_BYTES = 64 * 1024;
const DEADLINE_MS = 60_000;

/**
 * Fetches the control plane's root certificate over a connection that nothing vouches for yet, and believes it only when its SHA-256 is the
 * fingerprint that the operator's token, or a setting, carries. It is the only request of the agent that does not check its peer: it sends nothing secret
 * and takes nothing but what the fingerprint proves.
 *
 * @param fingerprint SHA-256 of the root's DER, base64url
 * @throws SartorError SRT_AUTHORITY_MISMATCH when the root is another one, SRT_DOWNLOAD_FAILED when none comes
 */
export async function fetchAuthority(url: URL, fingerprint: string, signal: AbortSignal): Promise<X509Certificate> {
  const pem = await fetchUnverified(url, signal);
  const root = readRoot(pem, url).find((certificate) => hasFingerprint(certificate, fingerprint));
  if (root === undefined) {
    throw new SartorError(
      "SRT_AUTHORITY_MISMATCH",
      `${url.host} does not have the root certificate that this device was told to trust.`,
    );
  }
  return root;
}

function readRoot(pem: string, url: URL): X509Certificate[] {
  try {
    return readCertificates(pem);
  } catch (cause) {
    throw new SartorError("SRT_DOWNLOAD_FAILED", `${url.host} did not answer with its root certificate.`, { cause });
  }
}

function fetchUnverified(url: URL, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `${url.host} did not deliver ${url.pathname}: ${reason}.`;
      reject(signal.aborted ? signal.reason : new SartorError("SRT_DOWNLOAD_FAILED", message, { cause }));
    };
    const sent = request(url, {
      agent: false,
      rejectUnauthorized: false,
      signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
    });
    sent.on("error", failed);
    sent.on("response", (response) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on("data", (piece: Buffer) => {
        pieces.push(piece);
        bytes += piece.byteLength;
        if (bytes > MAXIMUM_BYTES) response.destroy(new Error("the answer is too long"));
      });
      response.on("error", failed);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(Buffer.concat(pieces).toString("utf8"));
        else failed(`it answered with status ${response.statusCode}`);
      });
    });
    sent.end();
  });
}
