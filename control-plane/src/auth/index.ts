export { CurrentDevice, DeviceRoute, Public } from "../http/index.js";
export { AuthModule } from "./auth.module.js";
export { loadAuthority } from "./authority-material.js";
export { CertificateAuthority } from "./certificate-authority.js";
export { DeviceHttps } from "./device-https.service.js";
export { DeviceIdentities } from "./device-identities.service.js";
export { OperatorToken } from "./operator-token.js";
export { OwnCertificates, type TlsCredentials } from "./own-certificates.service.js";
export { type PeerCertificate, peerCertificateOf, revoked } from "./peer-certificate.js";
