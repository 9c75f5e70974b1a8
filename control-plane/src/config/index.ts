export { Clock, SystemClock } from "./clock.js";
export { ConfigModule } from "./config.module.js";
export { Ids, SystemIds } from "./ids.js";
export type { ClaimedRole, OidcSettings } from "./oidc-settings.js";
export { PublicAddresses } from "./public-addresses.js";
export { LOG_LEVELS, type LogLevel, loadSettings, type OwnAuthorityFiles, Settings } from "./settings.js";
export { type Environment, SettingsReader } from "./settings-reader.js";
export { VERSION } from "./version.js";
