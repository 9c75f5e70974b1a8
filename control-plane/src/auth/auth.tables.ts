import type { RevocationReason } from "@sartor/shared/protocol";

/** Enrolled devices. A removed device has none. */
export interface DeviceIdentityTable {
  device_id: string;
  /** Rises with each replacement of the device's board or key. */
  generation: number;
  /** Kinds of hardware, the most special first, as JSON. */
  hardware: string;
  offline_site: number;
  enrolled_at: number;
  revoked_at: number | null;
  /** Where the device belongs. */
  group_name: string;
}

/** Every device certificate that was issued, until some time after its end. */
export interface DeviceCertificateTable {
  /** Hex, lower case. */
  serial: string;
  device_id: string;
  /** SHA-256 of the DER, hex. */
  fingerprint: string;
  /** SHA-256 of the public key, hex. */
  key_fingerprint: string;
  /** The certificate, then the intermediate that issued it. */
  pem: string;
  not_before: number;
  not_after: number;
  issued_at: number;
  first_used_at: number | null;
  revoked_at: number | null;
  reason: RevocationReason | null;
}

/** What enrols one device, once: a token, or a key that was allowed. Only the hash is kept, of the secret or of `key:<fingerprint>`. */
export interface EnrolmentTokenTable {
  token_hash: string;
  note: string | null;
  created_at: number;
  expires_at: number;
  used_at: number | null;
  /** The device that it enrolled. */
  device_id: string | null;
  /** The kinds of hardware that it is for, as JSON; any when null. */
  hardware: string | null;
  /** The device that gets a new key. */
  replaces: string | null;
  offline_site: number | null;
  /** The certificate that it gave. */
  serial: string | null;
  /** Where the device belongs; null where it replaces one, in whose group it stays. */
  group_name: string | null;
}

/** Devices that asked without a token and wait for an operator. */
export interface PendingEnrolmentTable {
  key_fingerprint: string;
  name: string;
  emulated: number;
  hardware: string;
  address: string;
  first_seen_at: number;
  last_seen_at: number;
  expires_at: number;
}

export interface AuthTables {
  device_identity: DeviceIdentityTable;
  device_certificate: DeviceCertificateTable;
  enrolment_token: EnrolmentTokenTable;
  pending_enrolment: PendingEnrolmentTable;
}
