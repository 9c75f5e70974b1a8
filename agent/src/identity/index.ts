export { type DeviceIdentity, type EnrolmentOptions, loadOrEnrol } from "./device-identity.js";
