/** Content that is in the blob store. The row is the truth: content without one is a stray. */
export interface StoredBlobTable {
  digest: string;
  bytes: number;
  /** When it was last put; unreferenced content is collected a day later. */
  stored_at: number;
}

/** Who needs a blob: `model:<versionId>`, `bundle:<bundleId>`. */
export interface BlobReferenceTable {
  digest: string;
  owner: string;
}

export interface ModelVersionTable {
  model: string;
  version: string;
  version_id: string;
  created_at: number;
  ready_at: number | null;
  manifest: string;
  model_digest: string;
  model_bytes: number;
  golden_digest: string;
  info: string;
  variants: string;
}

export interface BlobTables {
  stored_blob: StoredBlobTable;
  blob_reference: BlobReferenceTable;
}

export interface ModelTables extends BlobTables {
  model_version: ModelVersionTable;
}
