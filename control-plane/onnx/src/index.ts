export { checkManifest } from "./check/check-manifest.js";
export { inspectModel } from "./inspect/inspect-model.js";
export type { ModelInfo, ModelTensor } from "./inspect/model-info.js";
export { SUPPORTED } from "./inspect/supported.js";
export type { VerifiedModel, VerifyRequest } from "./verify/messages.js";
export { DEFAULT_VERIFY_LIMITS, type VerifyLimits, verifyModel } from "./verify/verify-model.js";
