import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { collectInventory, DeviceConditionsReader, fileProbeCache, ownGlibcVersion } from "@sartor/agent/inventory";
import { createLogger, diskSpace, hostFiles, runCommand, systemClock } from "@sartor/agent/platform";
import { CandidateProcesses } from "@sartor/agent/runtime";
import { inTransaction, openStateDatabase, SettingsStore } from "@sartor/agent/storage";
import { Tuner, type TuningReportBody } from "@sartor/agent/tuning";
import { loadProfiles } from "@sartor/firmware-profiles";
import { profileDevice } from "@sartor/shared/domain/hardware";
import { candidateKey, isSpinning, planTailoring } from "@sartor/shared/domain/tailoring";
import {
  type Inventory,
  type TailoringPlan,
  type TuningCandidate,
  type TuningOrder,
  tailoringPolicySchema,
  tuningRequestSchema,
} from "@sartor/shared/protocol";
import { fp32Of, type InstalledVariant, modelCardOf } from "./tuning-bundles.js";

const ID = "01J00000000000000000000000";
const AGENT_VERSION = "bench";

const logger = createLogger("warn", (line) => process.stderr.write(line));

/** What this machine is, read as the agent reads it. */
export function readThisMachine(folder: string): Promise<Inventory> {
  return collectInventory({
    agentVersion: AGENT_VERSION,
    run: runCommand,
    probeCache: fileProbeCache(join(folder, "runtime-probe.json")),
    onProblem: (problem) => logger.warn("part of the hardware could not be read", { problem }),
    files: hostFiles,
    clock: systemClock,
    diskSpace,
    statePath: folder,
    serialSalt: "bench",
    glibc: ownGlibcVersion(),
  });
}

/** The plan for this machine, which nobody of its kind has measured anything for yet. */
export function planFor(inventory: Inventory, variants: readonly InstalledVariant[]): TailoringPlan {
  const device = profileDevice(inventory, loadProfiles());
  if (device === undefined) throw new Error("no firmware profile fits this machine");
  return planTailoring({
    planId: ID,
    now: inventory.collectedAt,
    inventory,
    device,
    card: modelCardOf(variants),
    policy: tailoringPolicySchema.parse({}),
    measurements: [],
  });
}

/** Bundles are on the disk already: what the agent's own loader needs of it. */
export function createLoader(variants: readonly InstalledVariant[]): CandidateProcesses {
  return new CandidateProcesses({ locate: (bundleId) => variants.find((variant) => variant.bundleId === bundleId) });
}

/** A plan's candidates, by the budget and the rules that a request has when it names none. */
export function orderOf(plan: TailoringPlan, variants: readonly InstalledVariant[], seconds?: number): TuningOrder {
  const request = tuningRequestSchema.parse({});
  return {
    tuningId: ID,
    model: plan.model,
    version: plan.version,
    candidates: plan.candidates.flatMap((candidate): TuningCandidate[] => {
      const { variant, executionProvider, adapter, intraOpThreads, sessionConfig, providerOptions } = candidate;
      const installed = variants.find(({ name }) => name === variant.name);
      if (installed === undefined) return [];
      const { bundleId, manifestBytes, runtime } = installed;
      return [
        {
          candidateId: candidateKey(variant.name, executionProvider, intraOpThreads, isSpinning(sessionConfig)),
          bundle: { bundleId, manifestBytes },
          variant,
          executionProvider,
          runtime: {
            adapter,
            executionProviders: [executionProvider],
            intraOpThreads,
            graphOptimizationLevel: "all",
            sessionConfig: { ...runtime.sessionConfig, ...sessionConfig },
            providerOptions,
          },
        },
      ];
    }),
    budget: { seconds: seconds ?? request.budgetSeconds, maximumCpuShare: request.maximumCpuShare },
    rules: { minimumGain: request.minimumGain, hysteresisMs: request.hysteresisHours * 3_600_000 },
  };
}

/** Has the agent's own tuner measure an order while fp32 counts as what serves, with the settings of its bundle. */
export async function tune(
  order: TuningOrder,
  variants: readonly InstalledVariant[],
  inventory: Inventory,
  folder: string,
): Promise<TuningReportBody> {
  mkdirSync(folder, { recursive: true });
  const { database } = openStateDatabase(join(folder, "state.db"));
  const ended = new AbortController();
  const { bundleId, name, kind, runtime } = fp32Of(variants);
  try {
    return await new Promise<TuningReportBody>((resolve, reject) => {
      const tuner = new Tuner({
        loader: createLoader(variants),
        store: { fetch: () => Promise.resolve(), discard: () => Promise.resolve() },
        conditions: new DeviceConditionsReader(hostFiles),
        settings: new SettingsStore(database),
        clock: systemClock,
        logger,
        random: Math.random,
        incumbent: () => ({ bundleId, model: order.model, version: order.version, variant: { name, kind }, runtime }),
        environment: () => ({
          agentVersion: inventory.runtime.agentVersion,
          onnxRuntimeVersion: inventory.runtime.onnxRuntimeVersion,
          powerModeId: null,
          memoryBytes: inventory.memory.totalBytes,
          logicalCores: inventory.cpu.logicalCores,
        }),
        mayMeasure: () => true,
        report: resolve,
        atomically: (work) => inTransaction(database, work),
        onChange: () => undefined,
      });
      tuner.accept(order);
      tuner.run(ended.signal).catch(reject);
    });
  } finally {
    ended.abort();
    // What the report came from still writes its record.
    await systemClock.sleep(100);
    database.close();
  }
}
