import { type CodeTable, entry } from "./entry.js";

/** Codes that no one area owns. */
export const GENERAL_CODES = {
  SRT_INTERNAL: entry(
    500,
    "An error that Sartor did not foresee.",
    "Look up the correlation id in the log and report it.",
  ),
  SRT_NOT_FOUND: entry(404, "No such resource or route.", "Check the address and the id."),
  SRT_INVALID_REQUEST: entry(
    400,
    "The request does not fit its schema.",
    "Read the listed problems and correct those fields.",
  ),
  SRT_BODY_TOO_LARGE: entry(
    413,
    "The body is larger than this route accepts.",
    "Send less; the limit is named in the message.",
  ),
  SRT_UNSUPPORTED_MEDIA_TYPE: entry(
    415,
    "The content type is not one this route takes.",
    "Send one of the listed content types.",
  ),
  SRT_METHOD_NOT_ALLOWED: entry(405, "The route exists, the method does not.", "Use one of the listed methods."),
  SRT_REQUEST_TIMED_OUT: entry(
    408,
    "The request did not arrive whole in time.",
    "Send it again over a faster line; authenticated uploads have half an hour, everything else a minute.",
  ),
  SRT_ADDRESS_TOO_LONG: entry(414, "The address, or one part of it, is too long.", "Shorten it."),
  SRT_HEADERS_TOO_LARGE: entry(
    431,
    "The request's headers are larger than accepted.",
    "Send fewer or shorter headers.",
  ),
  SRT_UNAVAILABLE: entry(503, "The server is starting or stopping.", "Send the request again in a few seconds."),
  SRT_CONFLICT: entry(
    409,
    "The resource is not in a state that allows this.",
    "Read the current state and decide anew.",
  ),
  SRT_RATE_LIMITED: entry(429, "Too many requests.", "Wait for the time named in Retry-After."),
  SRT_CONFIG_INVALID: entry(
    500,
    "A setting has a value that cannot be used.",
    "Correct the named setting and start again.",
  ),
  SRT_STATE_UNUSABLE: entry(
    500,
    "Stored state is damaged and was set aside.",
    "Nothing to do; the file that was set aside is named in the log.",
  ),
} as const satisfies CodeTable;
