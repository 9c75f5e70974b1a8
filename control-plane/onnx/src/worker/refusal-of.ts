import { type ErrorBody, SartorError } from "@sartor/shared/errors";

/**
 * What a worker answered in place of a result, as the error to throw. What nobody foresaw is a plain error again, as it was in the worker: its
 * message may hold anything, so it is for the log and not for whoever asked.
 */
export function refusalOf(body: ErrorBody): Error {
  return body.code === "SRT_INTERNAL" ? new Error(body.message) : SartorError.fromBody(body);
}
