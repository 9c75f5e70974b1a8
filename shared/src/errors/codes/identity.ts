import { type CodeTable, entry } from "./entry.js";

/** Who asks, and how a device becomes one of the fleet. */
export const IDENTITY_CODES = {
  SRT_UNAUTHENTICATED: entry(
    401,
    "No valid credential came with the request.",
    "Send the operator's or the device's credential.",
  ),
  SRT_FORBIDDEN: entry(403, "The credential does not allow this.", "Use a credential that does."),
  SRT_ENROLMENT_TOKEN_UNKNOWN: entry(401, "No such enrolment token.", "Ask an operator for a new token."),
  SRT_ENROLMENT_TOKEN_USED: entry(
    409,
    "The enrolment token was redeemed by another device.",
    "Ask an operator for a new token; each enrols one device.",
  ),
  SRT_ENROLMENT_TOKEN_EXPIRED: entry(401, "The enrolment token is past its time.", "Ask an operator for a new token."),
  SRT_ENROLMENT_SCOPE: entry(
    403,
    "The enrolment token is for another kind of hardware or group.",
    "Ask an operator for a token for this device's hardware.",
  ),
  SRT_DEVICE_UNKNOWN: entry(404, "No such device.", "Check the device id against the fleet page."),
} as const satisfies CodeTable;
