export { TrustPage } from "./trust-page.js";
export { commandsOfVersion } from "./trust-words.js";
export { useTrustStatus, useVersionTrust } from "./use-version-trust.js";
