export { keyPassphrase } from "./key-passphrase.js";
export {
  CHECKOUT,
  type Connection,
  type ConnectionOptions,
  childEnvironment,
  DEFAULT_STATE_FOLDER,
  resolveConnection,
  startedAt,
} from "./settings.js";
