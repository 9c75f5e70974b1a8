import { type CodeTable, entry } from "./entry.js";

/** Devices' certificates and who issues them. */
export const CERTIFICATE_CODES = {
  SRT_CSR_INVALID: entry(
    422,
    "The certificate request is damaged, not signed by its own key, or its key is not P-256.",
    "Have the device make a new key and request.",
  ),
  SRT_CERTIFICATE_REVOKED: entry(
    403,
    "The device's certificate was revoked.",
    "Enrol the device again with a new token, or a replacement token to keep its name.",
  ),
  SRT_CERTIFICATE_EXPIRED: entry(
    401,
    "The device's certificate is past its time and past the grace for renewal.",
    "Enrol the device again with a replacement token.",
  ),
  SRT_CERTIFICATE_UNKNOWN: entry(
    401,
    "The certificate is none that this control plane issued for an enrolled device.",
    "Enrol the device.",
  ),
  SRT_AUTHORITY_MISMATCH: entry(
    409,
    "The control plane's root certificate is not the one that the device was told to trust.",
    "Check the address. If it is right, somebody may stand between; a control plane that was set up anew needs a new token.",
  ),
} as const satisfies CodeTable;
