import { type CodeTable, entry } from "./entry.js";

/** Which variant fits a device, and what measuring it there says. */
export const TAILORING_CODES = {
  SRT_PROFILE_UNKNOWN: entry(404, "No such firmware profile.", "Check the id against GET /api/v1/firmware-profiles."),
  SRT_TAILORING_NO_INVENTORY: entry(
    409,
    "The device has not said yet what hardware it is.",
    "Wait until it has connected once.",
  ),
  SRT_TAILORING_NO_VARIANT: entry(
    422,
    "No variant of the model fits this device and the policy.",
    "Read the plan: it says what was ruled out and why; build another variant or relax the policy.",
  ),
  SRT_TUNING_UNKNOWN: entry(404, "No such tuning.", "Check the tuning id."),
  SRT_TUNING_FAILED: entry(
    500,
    "The device could not measure any candidate.",
    "Read the results: each candidate says why; then ask for the tuning again.",
  ),
  SRT_TUNING_MEMORY: entry(
    507,
    "The device has too little free memory to load the candidate beside what serves.",
    "Read the message: it says how much is needed and free; free memory or raise the agent's limit, then ask for the tuning again.",
  ),
} as const satisfies CodeTable;
