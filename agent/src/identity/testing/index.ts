export { makeCertificateRequest } from "../certificate-request.js";
export { makeDeviceKey } from "../device-key.js";
export { type Credential, TestAuthority, type Validity } from "./test-authority.js";
export { TestControlPlane } from "./test-control-plane.js";
