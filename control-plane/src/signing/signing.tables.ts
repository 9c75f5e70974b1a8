/** Published metadata. */
export interface TrustMetadataTable {
  repository: string;
  role: string;
  version: number;
  metadata: string;
  published_at: number;
}

/** Metadata that waits for signatures, or waited once. */
export interface TrustRequestTable {
  request_id: string;
  repository: string;
  role: string;
  version: number;
  status: string;
  reason: string;
  metadata: string;
  created_at: number;
}

export interface TrustSignatureTable {
  request_id: string;
  key_id: string;
  signature: string;
  created_at: number;
}

/** Release counters: one a version of a model, rising. */
export interface TrustReleaseTable {
  model: string;
  version: string;
  counter: number;
  created_at: number;
}

/** A device's director repository. */
export interface TrustDirectorTable {
  device_id: string;
  version: number;
  timestamp_version: number;
  key_id: string;
  generation: number;
  order_text: string;
  targets: string;
  snapshot: string;
  timestamp: string;
  signed_at: number;
  timestamp_signed_at: number;
}

export interface SigningTables {
  trust_metadata: TrustMetadataTable;
  trust_request: TrustRequestTable;
  trust_signature: TrustSignatureTable;
  trust_release: TrustReleaseTable;
  trust_director: TrustDirectorTable;
}
