export { CertificateRenewal, type CertificateRenewalOptions } from "./certificate-renewal.js";
export { addressOf } from "./control-plane-address.js";
export { type DeviceIdentity, type EnrolmentOptions, loadOrEnrol } from "./device-identity.js";
export { IdentityStore, type StoredIdentity } from "./identity-store.js";
export { type CheckPeerOptions, checkPeer } from "./peer-device.js";
export { Revocations, type RevocationsOptions } from "./revocations.js";
