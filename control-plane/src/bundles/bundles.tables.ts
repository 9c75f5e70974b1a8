import type { BlobTables } from "../models/index.js";

/** One bundle; its manifest is the blob with its id. */
export interface BundleTable {
  bundle_id: string;
  variant_id: string;
  model: string;
  version: string;
  manifest_bytes: number;
  total_bytes: number;
  created_at: number;
}

/** A file of a bundle, as the manifest says; its content is in the chunks. */
export interface BundleFileTable {
  bundle_id: string;
  name: string;
  digest: string;
  bytes: number;
}

export interface BundleTables extends BlobTables {
  bundle: BundleTable;
  bundle_file: BundleFileTable;
}
