export { referenceOf } from "./offered-variants.js";
export type { OrderedCandidate, StoredTuning } from "./stored-tuning.js";
export { TailoringModule } from "./tailoring.module.js";
export { TailoringService } from "./tailoring.service.js";
export type { TailoringTables } from "./tailoring.tables.js";
export { settleFollowUp, takeUntold, tuningToTell } from "./tunings.repository.js";
export { type TuningOrderRequest, TuningsService } from "./tunings.service.js";
export type { DevicePlan, VersionPlanner } from "./version-planner.js";
