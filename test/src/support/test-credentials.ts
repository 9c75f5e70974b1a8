import type { StoredIdentity } from "@sartor/agent/identity";
import { type Credential, TestAuthority } from "@sartor/agent/identity/testing";
import type { TlsCredential } from "@sartor/agent/platform";

/** Of the one device that most tests have. */
export const DEVICE_ID = "dev-under-test";

/** What the tests of one process trust. */
export interface TestCredentials {
  /** PEM. */
  readonly root: string;
  /** For servers on this machine. */
  readonly server: Credential;
  readonly device: Credential;
  /** Of the same device, later. */
  readonly renewedDevice: Credential;
}

async function make(): Promise<TestCredentials> {
  const authority = await TestAuthority.create("Authority of the tests");
  return {
    root: authority.root,
    server: await authority.issueServer(),
    device: await authority.makeDevice(DEVICE_ID),
    renewedDevice: await authority.makeDevice(DEVICE_ID),
  };
}

const given = process.env.SARTOR_TEST_CREDENTIALS;
/** Made once a process; a process that a test starts gets those of the test in `SARTOR_TEST_CREDENTIALS`. */
export const credentials: TestCredentials = given === undefined ? await make() : (JSON.parse(given) as TestCredentials);

/** What the device's TLS takes. */
export const deviceCredential: TlsCredential = { ca: credentials.root, client: credentials.device };

/** Options of a TLS server that only devices of these credentials may use. */
export const serverOptions = {
  cert: credentials.server.certificate,
  key: credentials.server.key,
  ca: credentials.root,
  requestCert: true,
  rejectUnauthorized: true,
} as const;

/** The identity of the device, as it is stored after an enrolment. */
export const identityAt = (addresses: { mqttUrl: string; httpUrl: string }): StoredIdentity => ({
  deviceId: DEVICE_ID,
  ...addresses,
  ...credentials.device,
  authorities: credentials.root,
});
