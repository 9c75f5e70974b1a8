import type { TuningCandidate, TuningEnvironment, TuningOrder } from "@sartor/shared/protocol";
import type { Logger } from "../../platform/index.js";
import type { Incumbent } from "../ports.js";

export const TUNING_ID = "01JTAAAAAAAAAAAAAAAAAAAAA1";
export const OTHER_TUNING_ID = "01JTAAAAAAAAAAAAAAAAAAAAA2";

const digestOf = (text: string) => `sha256:${Buffer.from(text.padEnd(32, " ")).toString("hex").slice(0, 64)}`;

/** A candidate on the CPU whose bundle is its own. */
export function makeCandidate(candidateId: string, threads = 1): TuningCandidate {
  return {
    candidateId,
    bundle: { bundleId: digestOf(candidateId), manifestBytes: 1_000 },
    variant: { name: candidateId, kind: "fp32" },
    executionProvider: "cpu",
    runtime: {
      adapter: "onnxruntime-node",
      executionProviders: ["cpu"],
      intraOpThreads: threads,
      graphOptimizationLevel: "all",
      sessionConfig: {},
      providerOptions: {},
    },
  };
}

/** An order for these candidates: ten minutes, half of the CPU, 5 % gain, a day between switches. */
export function makeOrder(candidates: readonly TuningCandidate[], changes: Partial<TuningOrder> = {}): TuningOrder {
  return {
    tuningId: TUNING_ID,
    model: "road-sign",
    version: "1.0.0",
    candidates: [...candidates],
    budget: { seconds: 600, maximumCpuShare: 0.5 },
    rules: { minimumGain: 0.05, hysteresisMs: 24 * 3_600_000 },
    ...changes,
  };
}

/** What serves when a candidate does. */
export function serving({ bundle, variant, runtime }: TuningCandidate, version = "1.0.0"): Incumbent {
  return { bundleId: bundle.bundleId, model: "road-sign", version, variant, runtime };
}

export const ENVIRONMENT: TuningEnvironment = {
  agentVersion: "1.0.0",
  onnxRuntimeVersion: "1.30.0",
  powerModeId: null,
  memoryBytes: 8_000_000_000,
  logicalCores: 4,
};

export const QUIET: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
