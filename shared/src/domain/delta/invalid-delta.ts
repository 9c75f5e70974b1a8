import { SartorError } from "../../errors/index.js";

/** The one refusal of a difference: the device fetches the whole content instead. */
export function invalidDelta(message: string, details?: Readonly<Record<string, unknown>>): SartorError {
  return new SartorError("SRT_DELTA_INVALID", message, details === undefined ? {} : { details });
}
