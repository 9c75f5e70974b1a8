export {
  ACCESS,
  type Access,
  AUDITED_BY_EVENT,
  AuditedByEvent,
  type AuthenticatedRequest,
  CHANGES_NOTHING,
  ChangesNothing,
  CurrentDevice,
  CurrentPerson,
  DeviceRoute,
  EveryoneRoute,
  LEAST_ROLE,
  LeastRole,
  NewcomerRoute,
  type Person,
  Public,
  REACH,
  REACHES,
  type Reach,
} from "./access.js";
export { allowLongUpload } from "./body-deadline.js";
export { ConnectionGate, type ConnectionGateOptions, gateConnections } from "./connection-gate.js";
export { serveDashboard } from "./dashboard-site.js";
export { addressOf, DeviceListener, deviceSocketOf, isFromDeviceListener, nothingHere } from "./device-listener.js";
export { toErrorReply, toSartorError } from "./error-reply.js";
export { Gate } from "./gate.js";
export { Health } from "./health.js";
export { HttpModule } from "./http.module.js";
export { Metrics } from "./metrics.js";
export { serveOpenApi } from "./openapi.js";
export { rateLimited } from "./rate-limited.js";
export { type RateLimit, RateLimiter } from "./rate-limiter.js";
export { createHttpAdapter, prepareHttp } from "./server.js";
export { createValidationPipe } from "./validation.pipe.js";
