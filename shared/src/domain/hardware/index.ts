export {
  type FirmwareProfile,
  firmwareProfileSchema,
  type MatchRule,
  matchRuleSchema,
  type ReferenceInventory,
  referenceInventorySchema,
  toEmulatedInventory,
} from "./firmware-profile.js";
export { DISK_AVAILABLE_TOLERANCE, inventoryChanged, inventoryChanges } from "./inventory-changed.js";
export { type MatchableInventory, matchProfile, type ProfileMatch, profileFits, ruleHolds } from "./match-profile.js";
