export type { ResolvedProfile as FirmwareProfile } from "@sartor/shared/domain/hardware";
export { loadProfileFiles, loadProfiles, type ProfileFiles, profilePath } from "./load-profiles.js";
