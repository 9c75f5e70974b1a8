import { SartorError } from "@sartor/shared/errors";
import { errorReplySchema } from "@sartor/shared/protocol";
import type { JsonReply } from "../platform/index.js";

/** The error that a reply says, or undefined when it is of success. Status 5xx and 429 pass with time; `isLasting` tells. */
export function refusalOf(reply: JsonReply, what: string): { error: SartorError; isLasting: boolean } | undefined {
  const { status, json } = reply;
  if (status >= 200 && status < 300) return undefined;
  const body = errorReplySchema.safeParse(json);
  const error = body.success
    ? SartorError.fromBody(body.data.error)
    : new SartorError("SRT_UNAUTHENTICATED", `The control plane answered ${what} with status ${status}.`);
  return { error, isLasting: status < 500 && status !== 429 };
}
