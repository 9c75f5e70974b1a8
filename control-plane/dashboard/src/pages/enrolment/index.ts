export { DeviceIdentity } from "./device-identity.js";
export { EnrolDevice } from "./enrol-device.js";
export { EnrolmentPage } from "./enrolment-page.js";
export { WaitingLink } from "./waiting-link.js";
