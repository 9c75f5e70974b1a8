import { type CodeTable, entry } from "./entry.js";

/** Signed metadata and the keys that sign it. */
export const TRUST_CODES = {
  SRT_TRUST_NO_ROOT: entry(
    409,
    "No root of trust was set up, so nothing can be signed or installed.",
    "Run the key ceremony: sartor keys ceremony.",
  ),
  SRT_TRUST_SIGNATURE: entry(
    422,
    "Metadata is not signed by enough of the keys that may sign it.",
    "If nobody changed keys, somebody tampers with metadata: look at who serves it. Else sign it with the current keys.",
  ),
  SRT_TRUST_ROLLBACK: entry(
    409,
    "Metadata or a release is older than what the device has already accepted.",
    "Release the version again with a higher counter where a downgrade is meant; else look at who serves old metadata.",
  ),
  SRT_TRUST_EXPIRED: entry(
    410,
    "Metadata is past its time; what runs keeps running, nothing new is installed.",
    "Check the device's clock and the line; sign anew what the control plane shows as expired.",
  ),
  SRT_TRUST_METADATA_INVALID: entry(
    422,
    "Metadata is not what TUF allows, or is larger than accepted.",
    "Look at who serves it; the message names the role.",
  ),
  SRT_TRUST_MISMATCH: entry(
    409,
    "Director and image repository do not say the same about a bundle.",
    "Wait for the next refresh; if it persists, one of the repositories is compromised: stop the rollout.",
  ),
  SRT_TRUST_WRONG_DEVICE: entry(
    403,
    "A signed order is for another device.",
    "Look at who serves it: somebody replays another device's order.",
  ),
  SRT_TRUST_WRONG_HARDWARE: entry(
    422,
    "The bundle is not for this kind of hardware.",
    "Choose a variant that is; the message names both.",
  ),
  SRT_TRUST_UNSIGNED: entry(
    409,
    "The bundle is not in the signed image repository yet.",
    "Sign its release: sartor keys sign.",
  ),
  SRT_TRUST_UNREACHABLE: entry(
    502,
    "Signed metadata could not be fetched.",
    "The device tries again by itself; check the network between device and control plane.",
  ),
  SRT_KEY_UNKNOWN: entry(404, "No such key.", "Check the key id: sartor keys list."),
  SRT_KEY_LOCKED: entry(401, "The passphrase does not open the key file.", "Enter the passphrase of this key."),
  SRT_KEY_FILE_INVALID: entry(422, "The key file is damaged or not one of Sartor's.", "Restore it from its backup."),
  SRT_SIGNING_REQUEST_UNKNOWN: entry(404, "No such signing request.", "Check the id: sartor keys requests."),
} as const satisfies CodeTable;
