export { Allowed, useAllowed, useForAllGroups, useWho, WhoContext } from "./allowed.js";
export type { ApiClient } from "./api-client.js";
export { ApiError, actionOf, errorOfFailure, knownError, type ShownError } from "./api-error.js";
export { Connection } from "./connection.js";
export type { Credential } from "./credential.js";
export { countFleet, type FleetCounts, type FleetSnapshot, isFailing } from "./fleet-store.js";
export type { WaitingDevice } from "./identity-client.js";
export type { LiveState } from "./live-socket.js";
export { loadLoginOptions, loadWho, logIn, logOut } from "./login.js";
export { forgetToken, storeToken, takeToken } from "./session.js";
export type { VersionKey } from "./tailoring-client.js";
export { type Action, useAction } from "./use-action.js";
export {
  ConnectionContext,
  type Resource,
  useConnection,
  useEpoch,
  useFleet,
  useLiveEvents,
  useLiveState,
  useResource,
} from "./use-connection.js";
export { useListChanges } from "./use-list-changes.js";
export { type LiveList, useLiveList } from "./use-live-list.js";
export { type Answer, useMany } from "./use-many.js";
export { type PlanQuestion, type PlanTarget, usePlans } from "./use-plans.js";
export { useRefresh } from "./use-refresh.js";
