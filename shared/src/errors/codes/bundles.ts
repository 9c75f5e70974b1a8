import { type CodeTable, entry } from "./entry.js";

/** Content, bundles of it, and differences between them. */
export const BUNDLE_CODES = {
  SRT_BLOB_UNKNOWN: entry(404, "No blob has this digest.", "Upload the content first, or check the digest."),
  SRT_DIGEST_MISMATCH: entry(
    422,
    "Content does not have the digest that was announced.",
    "Send it again; if it persists, the source is damaged.",
  ),
  SRT_BUNDLE_UNKNOWN: entry(404, "No such bundle.", "Check the bundle id."),
  SRT_RANGE_NOT_SATISFIABLE: entry(
    416,
    "The requested byte range lies outside the content.",
    "Ask for a range within the content's length.",
  ),
  SRT_DELTA_INVALID: entry(
    422,
    "A difference does not apply to what the device holds.",
    "Nothing to do; the device fetches the whole content instead.",
  ),
  SRT_DELTA_NOT_OFFERED: entry(
    409,
    "No difference between these files is offered: another way costs fewer bytes, or it could not be made.",
    "Nothing to do; the device fetches the chunks that it lacks instead.",
  ),
} as const satisfies CodeTable;
