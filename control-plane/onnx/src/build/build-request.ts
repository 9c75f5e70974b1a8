import type { ErrorBody } from "@sartor/shared/errors";
import type {
  GoldenTolerance,
  ModelManifest,
  RuntimeSettings,
  VariantBuildOrder,
  VariantCard,
  VariantKind,
  VariantName,
} from "@sartor/shared/protocol";

/** Samples on disk: a safetensors file as `docs/variants.md` describes it. */
export interface DatasetFile {
  readonly path: string;
  readonly datasetId: string;
  readonly name: string;
  /** SHA-256 of the file, `sha256:<hex>`. */
  readonly digest: string;
  readonly samples: number;
}

/** One build: what is to be made of one model version. */
export interface BuildRequest {
  /** The fp32 model as it was uploaded, and its digest. */
  readonly modelPath: string;
  readonly modelDigest: string;
  /** The version's golden vectors. */
  readonly goldenPath: string;
  readonly manifest: ModelManifest;
  /** Folder that finished variants are written to; it belongs to the build and is there. */
  readonly outputFolder: string;
  /** In the order in which they are made. Those that an earlier run of the same build finished are left out. */
  readonly variants: readonly VariantName[];
  readonly calibration: DatasetFile | null;
  readonly evaluation: DatasetFile | null;
  readonly accuracy: VariantBuildOrder["accuracy"];
  readonly equalise: boolean;
  readonly pruning: VariantBuildOrder["pruning"];
}

/** A variant that is ready: its files lie in the output folder. */
export interface MadeVariant {
  readonly name: VariantName;
  readonly kind: VariantKind;
  readonly modelPath: string;
  /** The variant's own golden vectors, and what they must hold on a device. */
  readonly goldenPath: string;
  readonly golden: GoldenTolerance;
  /** How it is run where no plan says otherwise. */
  readonly runtime: RuntimeSettings;
  readonly card: VariantCard;
}

/** What a build says while it goes on. */
export type BuildEvent =
  | {
      readonly type: "progress";
      /** 0 to 100, never falls. */
      readonly percent: number;
      readonly step: string;
      /** Expected time left, ms; null while nobody can tell. */
      readonly remainingMs: number | null;
    }
  | { readonly type: "started"; readonly name: VariantName }
  | { readonly type: "made"; readonly variant: MadeVariant }
  /** This variant cannot be made, or is not accurate enough; the others go on. */
  | { readonly type: "refused"; readonly name: VariantName; readonly error: ErrorBody }
  /** fp32 was measured on the evaluation set: its card anew. Comes before the first other variant. */
  | { readonly type: "evaluated"; readonly card: VariantCard };

/** Bounds of one build. */
export interface BuildLimits {
  /** Longest time from start to end, ms. */
  readonly timeMs: number;
  /** Largest resident size of the process, bytes (watched on Linux). */
  readonly memoryBytes: number;
}
