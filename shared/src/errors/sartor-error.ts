import { ERROR_CODES, type ErrorCode, isErrorCode } from "./codes/index.js";

/** Options of a {@link SartorError}. */
export interface SartorErrorOptions {
  /** Facts for programs: ids, limits, the problems found. Must be JSON and hold no secret. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** What caused it; kept for the log, never sent to a client. */
  readonly cause?: unknown;
}

/** An error on the wire, in HTTP replies, MQTT messages and between processes. */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Longest message that travels, as the schema of reported errors has it: one that quotes a crash must not be refused for its length. */
const LONGEST_MESSAGE = 2048;

/** The one error class: a stable code and a sentence that a person can act on. */
export class SartorError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: SartorErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SartorError";
    this.code = code;
    this.details = options.details;
  }

  /** HTTP status that belongs to the code. */
  get status(): number {
    return ERROR_CODES[this.code].status;
  }

  /** The form that travels; a longer message ends early. */
  toBody(): ErrorBody {
    return {
      code: this.code,
      message: this.message.slice(0, LONGEST_MESSAGE),
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }

  /** Wraps whatever was thrown; a {@link SartorError} comes back unchanged, anything else gets `fallback` with its message. */
  static from(thrown: unknown, fallback: ErrorCode = "SRT_INTERNAL"): SartorError {
    if (thrown instanceof SartorError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new SartorError(fallback, message, { cause: thrown });
  }

  /** Rebuilds an error that came over a process boundary or the network; unknown codes become SRT_INTERNAL. */
  static fromBody(body: { code: string; message: string; details?: Record<string, unknown> | undefined }): SartorError {
    const code = isErrorCode(body.code) ? body.code : "SRT_INTERNAL";
    return new SartorError(code, body.message, body.details === undefined ? {} : { details: body.details });
  }
}
