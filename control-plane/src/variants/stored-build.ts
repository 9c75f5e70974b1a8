import type { ErrorBody } from "@sartor/shared/errors";
import type { BuildStatus, Digest, VariantBuildOrder, VariantName } from "@sartor/shared/protocol";

/** Samples as they were when a build was ordered. */
export interface ChosenDataset {
  readonly datasetId: string;
  readonly name: string;
  readonly digest: Digest;
  readonly samples: number;
}

/** An order whose variants and datasets are chosen. */
export type ChosenOrder = Omit<VariantBuildOrder, "variants"> & { readonly variants: VariantName[] };

export interface StoredStep {
  readonly name: VariantName;
  readonly status: BuildStatus;
  readonly variantId: string | null;
  readonly error: ErrorBody | null;
}

/** A build as the database has it. */
export interface StoredBuild {
  readonly buildId: string;
  readonly versionId: string;
  readonly status: BuildStatus;
  readonly order: ChosenOrder;
  readonly calibration: ChosenDataset | null;
  readonly evaluation: ChosenDataset | null;
  /** In the order in which they are made. */
  readonly steps: readonly StoredStep[];
  /** Attempts since a variant was finished last that did not end in order. */
  readonly attempts: number;
  readonly error: ErrorBody | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

/** Steps that have not ended. */
export function stepsLeft(build: StoredBuild): StoredStep[] {
  return build.steps.filter(({ status }) => status === "queued" || status === "in_progress");
}
