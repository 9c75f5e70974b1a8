export type { ApiClient } from "./api-client.js";
export { ApiError, actionOf, errorOfFailure, knownError, type ShownError } from "./api-error.js";
export { Connection } from "./connection.js";
export { countFleet, type FleetCounts, type FleetSnapshot, isFailing } from "./fleet-store.js";
export type { LiveState } from "./live-socket.js";
export { forgetToken, storeToken, takeToken } from "./session.js";
export {
  ConnectionContext,
  type Resource,
  useConnection,
  useFleet,
  useLiveEvents,
  useLiveState,
  useResource,
} from "./use-connection.js";
