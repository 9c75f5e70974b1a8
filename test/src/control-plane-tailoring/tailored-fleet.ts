import { loadProfiles } from "@sartor/firmware-profiles";
import { toEmulatedInventory } from "@sartor/shared/domain/hardware";
import type {
  DesiredDeployment,
  DesiredState,
  Inventory,
  Page,
  TuningOrder,
  TuningReport,
  TuningRequest,
  TuningResult,
  TuningView,
} from "@sartor/shared/protocol";
import { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import type { RunningControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { waitFor } from "../support/wait-for.js";

const profiles = loadProfiles();
/** The runtime that comes with the agent. */
export const RUNTIME: Inventory["runtime"] = {
  agentVersion: "0.1.0",
  nodeVersion: "v24.0.0",
  onnxRuntimeVersion: "1.30.0",
  executionProviders: [{ name: "cpu", bundled: true }],
};

/** What the hardware of a firmware profile reports; real by default. */
export function inventoryOf(profileId: string, changes: Partial<Inventory> = {}): Inventory {
  const profile = profiles.find(({ id }) => id === profileId);
  if (profile === undefined) throw new Error(`there is no firmware profile ${profileId}`);
  const inventory = toEmulatedInventory(profile.id, profile.referenceInventory, { runtime: RUNTIME, collectedAt: 1 });
  return { ...inventory, emulated: false, ...changes };
}

/** What a device of that hardware takes bundles for. */
const hardwareOf = ({ cpu }: Inventory) => [cpu.architecture === "arm64" ? "linux-arm64" : "linux-x64"];

/** A device of a kind that is enrolled, connected and has said what it is; in the order of joining. */
export async function join(
  controlPlane: RunningControlPlane,
  inventory: Inventory | undefined,
  name = "scripted",
): Promise<ScriptedDevice> {
  const device = await ScriptedDevice.enrol(
    controlPlane,
    name,
    inventory === undefined ? {} : { hardware: hardwareOf(inventory) },
  );
  await device.connect();
  if (inventory !== undefined) await device.publish("inventory", inventory);
  return device;
}

/** Orders a tuning as the operator. */
export function orderTuning(controlPlane: RunningControlPlane, deviceId: string, request: TuningRequest) {
  return rest<TuningView>(controlPlane, "POST", `/api/v1/devices/${deviceId}/tunings`, request);
}

export async function tuningsOf(controlPlane: RunningControlPlane, deviceId: string): Promise<TuningView[]> {
  const { body } = await rest<Page<TuningView>>(controlPlane, "GET", `/api/v1/devices/${deviceId}/tunings`);
  return body.items;
}

export async function tuningOf(controlPlane: RunningControlPlane, tuningId: string): Promise<TuningView> {
  return (await rest<TuningView>(controlPlane, "GET", `/api/v1/tunings/${tuningId}`)).body;
}

/** Waits for a tuning in a status. */
export function tuningThatIs(
  controlPlane: RunningControlPlane,
  tuningId: string,
  status: TuningView["status"],
): Promise<TuningView> {
  return waitFor(`the tuning to be ${status}`, async () => {
    const tuning = await tuningOf(controlPlane, tuningId);
    return tuning.status === status && tuning;
  });
}

/** Waits until a device is told to measure something. */
export async function toldToTune(device: ScriptedDevice, tuningId?: string): Promise<TuningOrder> {
  const { tuning } = await device.wants(
    "a tuning",
    (desired: DesiredState) =>
      desired.tuning !== null && (tuningId ?? desired.tuning.tuningId) === desired.tuning.tuningId,
  );
  if (tuning === null) throw new Error("unreachable");
  return tuning;
}

export interface Measured {
  /** Median time of each candidate by its id, ms; the others were not reached. */
  readonly times: Readonly<Record<string, number>>;
  /** The candidate that the device should switch to; it keeps what it has when absent. */
  readonly switchTo?: string;
  readonly serves?: DesiredDeployment | undefined;
  readonly sequence?: number;
  readonly trigger?: TuningReport["trigger"];
}

/** What a device reports after it measured an order. */
export function tuningReport(device: ScriptedDevice, order: TuningOrder, measured: Measured): TuningReport {
  const { serves, switchTo } = measured;
  const results = order.candidates.map((candidate): TuningResult => {
    const p50Ms = measured.times[candidate.candidateId] ?? null;
    return {
      candidateId: candidate.candidateId,
      variant: candidate.variant,
      executionProvider: candidate.executionProvider,
      adapter: candidate.runtime.adapter,
      intraOpThreads: candidate.runtime.intraOpThreads,
      sessionConfig: candidate.runtime.sessionConfig,
      outcome: p50Ms === null ? "not_reached" : "measured",
      runs: p50Ms === null ? 0 : 400,
      rounds: p50Ms === null ? 0 : 20,
      discardedRounds: 0,
      throttled: false,
      p50Ms,
      p95Ms: p50Ms === null ? null : p50Ms * 1.2,
      ratio: null,
      peakMemoryBytes: 40_000_000,
      powerMilliwatts: null,
      providerVerified: true,
      golden: { passed: true, largestAbsoluteError: 0, topOneAgreement: 1 },
      error: null,
    };
  });
  return {
    schemaVersion: 1,
    deviceId: device.id,
    sequence: measured.sequence ?? 1,
    at: 1_000,
    tuningId: order.tuningId,
    trigger: measured.trigger ?? "ordered",
    status: "succeeded",
    error: null,
    model: order.model,
    version: order.version,
    environment: {
      agentVersion: "0.1.0",
      onnxRuntimeVersion: "1.30.0",
      powerModeId: null,
      memoryBytes: 1,
      logicalCores: 4,
    },
    incumbent: serves === undefined ? null : { bundleId: serves.bundle.bundleId, variant: "fp32", candidateId: null },
    results,
    verdict:
      switchTo === undefined
        ? { decision: "keep", candidateId: null, gain: null, reason: "nothing is faster" }
        : {
            decision: "switch",
            candidateId: switchTo,
            gain: { low: 0.3, typical: 0.5, high: 0.6 },
            reason: `${switchTo} takes half the time`,
          },
    totalRuns: 2_000,
    durationMs: 10_000,
    cpuShare: 0.2,
  };
}
