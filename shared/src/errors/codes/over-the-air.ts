import { type CodeTable, entry } from "./entry.js";

/** What the agent meets while it fetches and installs a bundle. */
export const OVER_THE_AIR_CODES = {
  SRT_DOWNLOAD_FAILED: entry(
    502,
    "A piece of the bundle could not be downloaded.",
    "The agent retries by itself; check the network between device and control plane.",
  ),
  SRT_DISK_FULL: entry(
    507,
    "There is not enough free space for the bundle.",
    "Free space on the device; the message says how much is needed.",
  ),
  SRT_INSTALL_FAILED: entry(
    500,
    "The bundle could not be written to its slot.",
    "Read the message; the old bundle keeps serving.",
  ),
  SRT_PROBE_FAILED: entry(
    500,
    "The new bundle did not pass its acceptance check and was rolled back.",
    "Read the message: it names the check that failed.",
  ),
  SRT_PROBE_LOOP: entry(
    500,
    "The bundle crashed the agent or its runtime repeatedly and was rolled back.",
    "Do not roll it out again before the cause is found.",
  ),
  SRT_SITE_CACHE_FAILED: entry(
    502,
    "A site cache did not deliver, delivered something else, or is not trusted; the control plane is asked instead.",
    "Read the message: it names the cache. Check that device; a revoked one must go from SARTOR_SITE_CACHES.",
  ),
} as const satisfies CodeTable;
