export { describeRelease } from "./describe-release.js";
export { type PlacedRelease, RELEASE_SLOTS, type ReleaseSlot, type SupervisorState } from "./plan-start.js";
export { PROVED } from "./proved.js";
export { RELEASE_FILE, type Release, ReleaseStore } from "./release-store.js";
export { Supervisor, type SupervisorOptions } from "./supervise.js";
