export { keyPassphrase } from "./key-passphrase.js";
export { givenPassword, storedLogin, storeLogin } from "./logins.js";
export {
  CHECKOUT,
  type Connection,
  type ConnectionOptions,
  childEnvironment,
  DEFAULT_STATE_FOLDER,
  resolveConnection,
  resolveUrl,
  startedAt,
} from "./settings.js";
