/** One variant of a model version, and the job that makes it. */
export interface ModelVariantTable {
  variant_id: string;
  version_id: string;
  name: string;
  precision: string;
  /** `queued`, `in_progress`, `succeeded` or `failed`. */
  status: string;
  /** Digest and size of the variant's model file; null before it is made. */
  digest: string | null;
  bytes: number | null;
  runtime: string;
  error: string | null;
  created_at: number;
  finished_at: number | null;
}

export interface VariantTables {
  model_variant: ModelVariantTable;
}
