import { type CodeTable, entry } from "./entry.js";

/** Users, their logins, and the log of what they did. */
export const PEOPLE_CODES = {
  SRT_LOGIN_FAILED: entry(
    401,
    "User name or password is wrong, or the login was disabled.",
    "Try again, or ask an admin.",
  ),
  SRT_SESSION_EXPIRED: entry(401, "The session is over.", "Log in again."),
  SRT_USER_UNKNOWN: entry(404, "No such user.", "Check the name against the users."),
  SRT_USER_EXISTS: entry(409, "A user of this name exists.", "Choose another name."),
  SRT_PASSWORD_WEAK: entry(422, "The password is too short or too common.", "Choose one of 12 characters or more."),
  SRT_API_TOKEN_UNKNOWN: entry(404, "No such API token.", "Check the id against the tokens."),
  SRT_ROLE_TOO_LOW: entry(403, "The role does not allow this.", "Ask somebody whose role does; the message names it."),
  SRT_GROUP_FORBIDDEN: entry(
    403,
    "The credential is for some groups of devices, and this reaches beyond them.",
    "Ask somebody who is for the group, or for all of them where the message says so.",
  ),
  SRT_AUDIT_BROKEN: entry(
    500,
    "The audit log's chain of hashes is broken.",
    "Somebody changed or removed entries: compare with a copy; the message names the first entry that does not fit.",
  ),
  SRT_OIDC_FAILED: entry(
    502,
    "The login at the identity provider failed.",
    "Try again; an admin finds the reason in the log.",
  ),
} as const satisfies CodeTable;
