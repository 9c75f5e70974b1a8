export type { FirmwareProfile } from "@sartor/shared/domain/hardware";
export { loadProfiles, profilePath } from "./load-profiles.js";
