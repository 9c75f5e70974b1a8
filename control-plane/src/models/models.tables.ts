/** Content that is in the blob store. The row is the truth: content without one is a stray. */
export interface StoredBlobTable {
  digest: string;
  bytes: number;
  /** When it was last put; unreferenced content is collected a day later. */
  stored_at: number;
}

/** Who needs a blob: `model:<versionId>`, `dataset:<datasetId>`, `variant:<variantId>`, `bundle:<bundleId>`, `delta:<deltaId>`. */
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
  /** Null where they were not counted yet. */
  macs: number | null;
}

/** Samples of a model; their content is a blob. */
export interface DatasetTable {
  dataset_id: string;
  model: string;
  name: string;
  purpose: string;
  description: string | null;
  content: string;
  bytes: number;
  samples: number;
  class_counts: string | null;
  created_at: number;
}

/** Who reads a dataset and must find it later, too: `build:<buildId>`. What is claimed cannot be deleted. */
export interface DatasetClaimTable {
  dataset_id: string;
  owner: string;
}

export interface BlobTables {
  stored_blob: StoredBlobTable;
  blob_reference: BlobReferenceTable;
}

export interface DatasetTables extends BlobTables {
  dataset: DatasetTable;
  dataset_claim: DatasetClaimTable;
}

export interface ModelTables extends BlobTables {
  model_version: ModelVersionTable;
}
