import type { Tensor } from "@sartor/shared/domain/tensor";
import type { TensorSpec } from "@sartor/shared/protocol";
import type { BundleLocation } from "./channel/index.js";

/**
 * What an engine that runs models looks like to the rest of the agent. ONNX Runtime is the first; a Jetson's GPU needs
 * another (NVIDIA Triton, TensorRT), so nothing outside an adapter may know which one it is.
 */
export interface RuntimeAdapter {
  /**
   * Loads the bundle's model to serve it.
   * @throws SartorError SRT_MODEL_NOT_ONNX, SRT_MODEL_UNSUPPORTED or SRT_PROVIDER_UNAVAILABLE.
   */
  load(bundle: BundleLocation): Promise<LoadedModel>;
  /**
   * Runs the model once under the engine's own profiler and reads where each node ran. It costs memory that does not come
   * back, so it is called in a process of its own that ends afterwards.
   *
   * @param scratch an empty folder that the caller removes
   */
  inspect(bundle: BundleLocation, inputs: readonly Tensor[], scratch: string): Promise<ExecutionReport>;
}

/** A model in memory. */
export interface LoadedModel {
  /** Inputs and outputs as the engine sees them; -1 stands for a dimension that may vary. */
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Runs the model; one run at a time. The outputs are valid until the next run. */
  run(inputs: readonly Tensor[]): Promise<ModelRun>;
  close(): Promise<void>;
}

export interface ModelRun {
  readonly outputs: readonly Tensor[];
  /** Time inside the engine, ms. */
  readonly runMs: number;
}

/** Where a graph really ran. */
export interface ExecutionReport {
  /** Execution providers by the engine's own names, the one with most nodes first. */
  readonly executionProviders: readonly string[];
}
