import { type ErrorCode, SartorError } from "@sartor/shared/errors";

/**
 * What tuf-js and @tufjs/models throw, by the name of the class: the classes themselves are not among tuf-js' exports, and it wraps them in an
 * error that has only their text.
 */
const CODES: Readonly<Record<string, ErrorCode>> = {
  UnsignedMetadataError: "SRT_TRUST_SIGNATURE",
  CryptoError: "SRT_TRUST_SIGNATURE",
  UnsupportedAlgorithmError: "SRT_TRUST_SIGNATURE",
  ExpiredMetadataError: "SRT_TRUST_EXPIRED",
  BadVersionError: "SRT_TRUST_ROLLBACK",
  EqualVersionError: "SRT_TRUST_ROLLBACK",
  DownloadHTTPError: "SRT_TRUST_UNREACHABLE",
  PersistError: "SRT_STATE_UNUSABLE",
};

/** A failure of TUF's checks in a house's own words: which repository, which role, what was wrong. A SartorError comes back unchanged. */
export function trustError(repository: string, role: string | undefined, error: unknown): SartorError {
  if (error instanceof SartorError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const code = CODES[error instanceof Error ? error.constructor.name : ""] ?? codeOfSystemError(error);
  const subject = role === undefined ? "Metadata" : `The ${role} metadata`;
  return new SartorError(code, `${subject} of the ${repository} repository was refused: ${reason}.`, {
    cause: error,
    details: { repository, ...(role === undefined ? {} : { role }) },
  });
}

/** A disk that is full or broken is no fault of the repository. */
function codeOfSystemError(error: unknown): ErrorCode {
  const { syscall } = error as { syscall?: unknown };
  return typeof syscall === "string" ? "SRT_STATE_UNUSABLE" : "SRT_TRUST_METADATA_INVALID";
}

/** What the codes of errors about trust begin with. */
const TRUST = /^SRT_TRUST_/;

/** Whether an error is about trust: what is known stays, and nothing new is installed. */
export function isTrustError(error: unknown): error is SartorError {
  return error instanceof SartorError && TRUST.test(error.code);
}
