/** Secrets of enrolled devices; only hashes are kept. */
export interface DeviceCredentialTable {
  device_id: string;
  secret_hash: string;
  created_at: number;
}

/** One-time tokens with which devices enrol; only hashes are kept. */
export interface EnrolmentTokenTable {
  token_hash: string;
  note: string | null;
  created_at: number;
  expires_at: number;
  used_at: number | null;
  device_id: string | null;
}

export interface AuthTables {
  device_credential: DeviceCredentialTable;
  enrolment_token: EnrolmentTokenTable;
}
