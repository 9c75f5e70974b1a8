export { ACCESS, type Access, type AuthenticatedRequest, CurrentDevice, DeviceRoute, Public } from "./access.js";
export { serveDashboard } from "./dashboard-site.js";
export { toErrorReply, toSartorError } from "./error-reply.js";
export { Health } from "./health.js";
export { HttpModule } from "./http.module.js";
export { Metrics } from "./metrics.js";
export { serveOpenApi } from "./openapi.js";
export { createHttpAdapter, prepareHttp } from "./server.js";
export { createValidationPipe } from "./validation.pipe.js";
