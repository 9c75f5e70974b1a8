export { CurrentDevice, DeviceRoute, Public } from "../http/index.js";
export { AuthModule } from "./auth.module.js";
export { DeviceCredentials } from "./device-credentials.service.js";
export { OperatorToken } from "./operator-token.js";
