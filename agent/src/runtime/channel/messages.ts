import type { Classification } from "@sartor/shared/domain/tensor";
import type { BundleManifest, RuntimeSettings, TensorType } from "@sartor/shared/protocol";

/** Describes one tensor whose bytes are a part of the frame, in the same order. */
export interface TensorHeader {
  readonly name: string;
  readonly dataType: TensorType;
  readonly shape: readonly number[];
}

/** Where a bundle lies, and how it is run. */
export interface BundleLocation {
  readonly folder: string;
  readonly manifest: BundleManifest;
  /** What this device uses: its own settings where its desired state names some, otherwise the bundle's. */
  readonly runtime: RuntimeSettings;
}

/** Bounds of an encoded image. */
export interface ImageLimits {
  readonly bytes: number;
  readonly pixels: number;
}

/** How a loaded model holds its golden vectors. */
export interface GoldenMeasurement {
  /** Values within the variant's tolerance, and agreement at least its minimum. */
  readonly passed: boolean;
  readonly goldenVectors: number;
  readonly largestAbsoluteError: number;
  /** Share of golden vectors with the same first class, 0 to 1. */
  readonly topOneAgreement: number;
}

/** What the acceptance check measured. */
export interface ProbeMeasurement extends GoldenMeasurement {
  /** Median time of a run, ms. */
  readonly medianLatencyMs: number;
}

/** Every call to the runtime child: what goes down and what comes back. Bytes travel as parts beside it. */
export interface ChildCalls {
  /** Loads the model that this child serves; once in its life. */
  load: { arguments: BundleLocation & { readonly imageLimits: ImageLimits }; result: Record<string, never> };
  /** Finds out where the graph really runs; the child is ended afterwards. */
  inspect: {
    arguments: BundleLocation & { /** An empty folder for its notes. */ readonly scratch: string };
    result: {
      readonly executionProviders: readonly string[] /** CPU time of this child so far, ms. */;
      readonly cpuMs: number;
    };
  };
  /** Runs tensors; parts are the inputs, and the outputs in the answer. */
  infer: {
    arguments: { readonly tensors: readonly TensorHeader[] };
    result: {
      readonly tensors: readonly TensorHeader[];
      readonly runMs: number;
      readonly classification?: Classification;
    };
  };
  /** Classifies one encoded image (the only part). */
  classify: { arguments: Record<string, never>; result: Classification & { readonly runMs: number } };
  /** Runs the bundle's golden vectors, then measures the run. */
  probe: { arguments: Record<string, never>; result: ProbeMeasurement };
  /** Runs the bundle's golden vectors once and measures no time. */
  golden: { arguments: Record<string, never>; result: GoldenMeasurement };
  /** Runs the golden vectors' inputs in turn, one by one; the only part is each timed run's time, ms, as float64. */
  measure: { arguments: { readonly count: number; readonly warmUps: number }; result: Record<string, never> };
}
export type ChildCall = keyof ChildCalls;
