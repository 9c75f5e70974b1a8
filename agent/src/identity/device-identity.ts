import { existsSync } from "node:fs";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { TlsIdentity } from "../platform/index.js";
import { type EnrolRequest, enrol } from "./enrol.js";
import { IdentityStore, type ReadIdentity } from "./identity-store.js";

/** Who this device is, where its control plane is, and the credential for both lines to it. */
export interface DeviceIdentity {
  readonly deviceId: string;
  /** Another one after each enrolment; absent where a former release enrolled the device. */
  readonly enrolmentId: string | undefined;
  /** mqtts://host:port */
  readonly mqttUrl: string;
  /** https://host:port */
  readonly httpUrl: string;
  readonly tls: TlsIdentity;
  /** Where it is kept. */
  readonly store: IdentityStore;
}

/** What an enrolment takes. Address, and token or fingerprint, are needed only while there is no identity; the key is made. */
export interface EnrolmentOptions extends Omit<EnrolRequest, "controlPlaneUrl" | "key"> {
  readonly stateFolder: string;
  readonly controlPlaneUrl: string | undefined;
}

/**
 * Loads the device's identity, or enrols: the key is made and stored before the token is redeemed, and what came back is stored whole, so
 * that a lost reply or a kill costs nothing: the same token, or claim, with the same key gives the same certificate.
 *
 * @throws SartorError SRT_CONFIG_INVALID without identity and without token or fingerprint, and for an identity of the first release; what
 * {@link enrol} throws
 */
export async function loadOrEnrol(options: EnrolmentOptions): Promise<DeviceIdentity> {
  const store = new IdentityStore(join(options.stateFolder, "identity"));
  const known = store.read("current") ?? store.read("next");
  if (known !== undefined) return openIdentity(known, store);
  const { controlPlaneUrl, token, authorityFingerprint, logger } = options;
  if (controlPlaneUrl === undefined || (token ?? authorityFingerprint) === undefined)
    throw missing(options.stateFolder);
  const identity = await enrol({ ...options, controlPlaneUrl, key: store.pendingKey("enrolment") });
  store.write("current", identity);
  const stored = store.read("current");
  if (stored === undefined)
    throw new SartorError("SRT_STATE_UNUSABLE", "The identity cannot be read back as it was written.");
  logger.info("enrolled", { deviceId: identity.deviceId, controlPlane: controlPlaneUrl, serial: stored.facts.serial });
  return openIdentity(stored, store);
}

/** What TLS takes of a stored identity. */
export const credentialOf = ({ key, certificate, authorities }: ReadIdentity) => ({
  ca: authorities,
  client: { certificate, key },
});

function openIdentity(identity: ReadIdentity, store: IdentityStore): DeviceIdentity {
  const { deviceId, enrolmentId, mqttUrl, httpUrl } = identity;
  return { deviceId, enrolmentId, mqttUrl, httpUrl, tls: new TlsIdentity(credentialOf(identity)), store };
}

function missing(stateFolder: string): SartorError {
  const how = "set SARTOR_CONTROL_PLANE_URL and SARTOR_ENROLMENT_TOKEN (an operator makes a token)";
  if (existsSync(join(stateFolder, "identity", "current")))
    return new SartorError(
      "SRT_CONFIG_INVALID",
      `This device's identity is damaged. To enrol it again under its name, ${how}: a replacement token.`,
    );
  if (existsSync(join(stateFolder, "identity.json")))
    return new SartorError(
      "SRT_CONFIG_INVALID",
      `This device's identity is of the first release, a shared secret that is not accepted any more. To enrol it again under its name, ${how}: a replacement token.`,
    );
  const claim = "or SARTOR_CA_FINGERPRINT in the token's place, and have the device claimed by its key";
  return new SartorError("SRT_CONFIG_INVALID", `This device is not enrolled: ${how}; ${claim}.`);
}
