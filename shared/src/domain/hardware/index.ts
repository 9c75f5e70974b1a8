export {
  type CapabilityOptions,
  type DeviceCapabilities,
  type DeviceProfiles,
  deviceCapabilities,
  type ProviderCapability,
  profileDevice,
  SAFE_PRIORITY,
} from "./device-capabilities.js";
export {
  type FirmwareProfile,
  firmwareProfileJsonSchema,
  firmwareProfileSchema,
  type ProfileTemplate,
  profileTemplateSchema,
  type ReferenceInventory,
  type ResolvedProfile,
  referenceInventorySchema,
  resolvedProfileSchema,
  toEmulatedInventory,
} from "./firmware-profile.js";
export { DISK_AVAILABLE_TOLERANCE, inventoryChanged, inventoryChanges } from "./inventory-changed.js";
export { type LintProblem, lintProfiles } from "./lint-profiles.js";
export type { LintedProfile, LintInput } from "./lint-rules.js";
export {
  type MatchableInventory,
  type MatchableProfile,
  matchAccelerators,
  matchProfile,
  type ProfileMatch,
  profileFits,
  ruleHolds,
} from "./match-profile.js";
export { type MatchRule, matchRuleSchema } from "./match-rule.js";
export type {
  PowerMode,
  PrecisionFacts,
  ProfileFacts,
  ProfileSource,
  ProviderFacts,
  Standing,
} from "./profile-facts.js";
export { resolveProfile } from "./resolve-profile.js";
export { ADAPTERS, type RuntimeAdapter } from "./runtime-adapters.js";
