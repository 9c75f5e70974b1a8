import type { Classification } from "@sartor/shared/domain/tensor";
import type { BundleManifest, TensorType } from "@sartor/shared/protocol";

/** Describes one tensor whose bytes are a part of the frame, in the same order. */
export interface TensorHeader {
  readonly name: string;
  readonly dataType: TensorType;
  readonly shape: readonly number[];
}

/** Where a bundle lies. */
export interface BundleLocation {
  readonly folder: string;
  readonly manifest: BundleManifest;
}

/** Bounds of an encoded image. */
export interface ImageLimits {
  readonly bytes: number;
  readonly pixels: number;
}

/** What the acceptance check measured. */
export interface ProbeMeasurement {
  /** Golden values within tolerance, and agreement at least the manifest's minimum. */
  readonly passed: boolean;
  readonly goldenVectors: number;
  readonly largestAbsoluteError: number;
  /** Share of golden vectors with the same first class, 0 to 1. */
  readonly topOneAgreement: number;
  /** Median time of a run, ms. */
  readonly medianLatencyMs: number;
}

/** Every call to the runtime child: what goes down and what comes back. Bytes travel as parts beside it. */
export interface ChildCalls {
  /** Loads the model that this child serves; once in its life. */
  load: { arguments: BundleLocation & { readonly imageLimits: ImageLimits }; result: Record<string, never> };
  /** Finds out where the graph really runs; the child is ended afterwards. */
  inspect: { arguments: BundleLocation; result: { readonly executionProviders: readonly string[] } };
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
  /** Runs the bundle's golden vectors. */
  probe: { arguments: Record<string, never>; result: ProbeMeasurement };
}
export type ChildCall = keyof ChildCalls;
