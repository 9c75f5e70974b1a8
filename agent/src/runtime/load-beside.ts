import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { LIMITS } from "@sartor/shared/protocol";
import { abortable } from "../platform/index.js";
import type { BundleLocation, ChildCalls } from "./channel/index.js";
import { type ChildRank, ModelProcess, ProcessLostError, SERVING_RANK } from "./model-process.js";
import type { RuntimeSettings } from "./settings.js";

const IMAGE_LIMITS = { bytes: LIMITS.imageBytes, pixels: LIMITS.imagePixels };

/** A bundle in a child of its own, and where its graph really runs. */
export interface LoadedBeside {
  readonly process: ModelProcess;
  /** Execution providers by the engine's own names, the one with most nodes first. */
  readonly executionProviders: readonly string[];
  /** CPU time of the child that found that out, ms. */
  readonly inspectionCpuMs: number;
}

/**
 * Loads a bundle in a child of its own, and finds out where its graph really runs (in a further child that ends at once, since
 * profiling costs memory that does not come back).
 *
 * @param rank how far its children stand back behind others
 * @throws SartorError as loading says, or the signal's reason
 */
export async function loadBeside(
  bundle: BundleLocation,
  settings: RuntimeSettings,
  signal: AbortSignal | undefined,
  rank: ChildRank = SERVING_RANK,
): Promise<LoadedBeside> {
  const { executionProviders, cpuMs } = await inspect(bundle, settings, signal, rank);
  const process = await startModelProcess(bundle, settings, signal, rank);
  return { process, executionProviders, inspectionCpuMs: cpuMs };
}

/**
 * Starts a child and loads the bundle into it.
 *
 * @throws what loading throws, or the signal's reason; the child is gone then
 */
export async function startModelProcess(
  { folder, manifest, runtime }: BundleLocation,
  settings: RuntimeSettings,
  signal?: AbortSignal,
  rank: ChildRank = SERVING_RANK,
): Promise<ModelProcess> {
  signal?.throwIfAborted();
  const process = new ModelProcess(settings.childEnvironment, rank);
  const loading = process.call(
    "load",
    { folder, manifest, runtime, imageLimits: IMAGE_LIMITS },
    [],
    settings.loadTimeoutMs,
  );
  try {
    await abortable(loading, signal);
    return process;
  } catch (error) {
    process.kill();
    throw error instanceof ProcessLostError
      ? new SartorError("SRT_MODEL_UNSUPPORTED", `The runtime did not survive loading the model: ${error.message}.`, {
          cause: error,
        })
      : error;
  }
}

async function inspect(
  { folder, manifest, runtime }: BundleLocation,
  settings: RuntimeSettings,
  signal: AbortSignal | undefined,
  rank: ChildRank,
): Promise<ChildCalls["inspect"]["result"]> {
  // Removed here too, since a child that is killed removes nothing.
  const scratch = await mkdtemp(join(tmpdir(), "sartor-profile-"));
  let inspector: ModelProcess | undefined;
  try {
    signal?.throwIfAborted();
    inspector = new ModelProcess(settings.childEnvironment, rank);
    const call = inspector.call("inspect", { folder, manifest, runtime, scratch }, [], settings.loadTimeoutMs);
    return (await abortable(call, signal)).result;
  } catch (error) {
    throw readableLoss(error);
  } finally {
    inspector?.kill();
    await inspector?.exited;
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A child that ended over its model, as an error with a code. */
export function readableLoss(error: unknown): unknown {
  if (!(error instanceof ProcessLostError)) return error;
  return new SartorError("SRT_MODEL_UNSUPPORTED", `The runtime did not survive the model: ${error.message}.`, {
    cause: error,
  });
}
