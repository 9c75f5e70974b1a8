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

export interface BundleTables extends BlobTables {
  bundle: BundleTable;
}
