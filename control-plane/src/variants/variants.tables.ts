import type { DatasetTables } from "../models/index.js";

/** One variant of a model version. */
export interface ModelVariantTable {
  variant_id: string;
  version_id: string;
  /** One of a version's variants of the same name is offered; the others were before it. */
  name: string;
  kind: string;
  /**
   * `bundling` until its bundle is there, then `offered`, then `replaced` by a newer one of the same name, then `removed`: its content and its
   * bundle are gone, and what is known of it stays for whoever reads the history.
   */
  status: "bundling" | "offered" | "replaced" | "removed";
  /** Digest and size of the variant's model file. */
  digest: string;
  bytes: number;
  runtime: string;
  /** The variant's own golden vectors, and what they must hold on a device; null where that is what the version's manifest says. */
  golden_digest: string;
  golden: string | null;
  /** Null for variants of a time before cards. */
  card: string | null;
  /** Digest of all that the variant was made from; null where nobody asked for it. */
  inputs: string | null;
  created_at: number;
  /** Since when it is not offered any more; null for what is, and for what never was. */
  replaced_at: number | null;
}

/** A build of variants of one version. */
export interface VariantBuildTable {
  build_id: string;
  version_id: string;
  status: string;
  /** A VariantBuildOrder with variants and datasets chosen. */
  request: string;
  /** The datasets as they were when it was ordered; null without. */
  calibration: string | null;
  evaluation: string | null;
  /** Attempts since a variant was finished last that did not end in order. */
  attempts: number;
  error: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
}

/** One variant that a build is to make. */
export interface VariantBuildStepTable {
  build_id: string;
  name: string;
  position: number;
  status: string;
  variant_id: string | null;
  error: string | null;
}

export interface VariantTables extends DatasetTables {
  model_variant: ModelVariantTable;
  variant_build: VariantBuildTable;
  variant_build_step: VariantBuildStepTable;
}
