import { profileDevice, type ResolvedProfile, toEmulatedInventory } from "@sartor/shared/domain/hardware";
import { type ModelCard, planTailoring } from "@sartor/shared/domain/tailoring";
import type { Inventory, TailoringPlan, TailoringPolicy, TuningMeasurement } from "@sartor/shared/protocol";
import { EXAMPLE_MODEL } from "../example-model.js";
import { loadProfiles } from "../load-profiles.js";

export const PROFILES = loadProfiles();
export const NOW = 1_700_000_000_000;
export const DAY_MS = 86_400_000;

export const profileOf = (id: string): ResolvedProfile => {
  const found = PROFILES.find((profile) => profile.id === id);
  if (found === undefined) throw new Error(`no profile ${id}`);
  return found;
};

/** A real device like the reference of a profile, whose runtime offers the given execution providers. */
export function deviceLike(id: string, providers: readonly string[] = ["cpu"]): Inventory {
  const runtime = {
    agentVersion: "0.1.0",
    nodeVersion: "v24",
    onnxRuntimeVersion: "1.30.0",
    executionProviders: providers.map((name) => ({ name, bundled: true })),
  };
  return {
    ...toEmulatedInventory(id, profileOf(id).referenceInventory, { runtime, collectedAt: NOW }),
    emulated: false,
    emulatedProfile: undefined,
  };
}

/** The road-sign network with the accuracies that were measured on its test set: int8 within 0.02 points of fp32. */
export const ROAD_SIGN: ModelCard = {
  ...EXAMPLE_MODEL,
  variants: EXAMPLE_MODEL.variants.map((variant) => ({
    ...variant,
    accuracy: variant.kind.startsWith("int") ? 0.9909 : 0.9911,
  })),
};

export interface Asked {
  readonly inventory: Inventory;
  readonly card?: ModelCard;
  readonly policy?: Partial<TailoringPolicy>;
  readonly measurements?: readonly TuningMeasurement[];
  readonly providers?: "reported" | "all";
  readonly adapters?: readonly ("triton" | "openvino-model-server")[];
}

export function plan(asked: Asked): TailoringPlan {
  const device = profileDevice(asked.inventory, PROFILES);
  if (device === undefined) throw new Error("no profile fits");
  return planTailoring({
    planId: "01HF0000000000000000000000",
    now: NOW,
    inventory: asked.inventory,
    device,
    card: asked.card ?? ROAD_SIGN,
    policy: { forbiddenVariants: [], forbiddenProviders: [], ...asked.policy },
    measurements: asked.measurements ?? [],
    availability: { providers: asked.providers ?? "reported", adapters: asked.adapters ?? [] },
  });
}

let made = 0;
/** What one device of a type measured of a variant on the CPU with four threads, yesterday. */
export function measurement(
  change: Partial<TuningMeasurement> & Pick<TuningMeasurement, "deviceType" | "variant" | "p50Ms">,
): TuningMeasurement {
  made += 1;
  return {
    measurementId: `01HF${String(made).padStart(22, "0")}`,
    deviceId: `device-${made}`,
    emulated: false,
    model: ROAD_SIGN.model,
    version: ROAD_SIGN.version,
    macs: ROAD_SIGN.macs,
    executionProvider: "cpu",
    adapter: "onnxruntime-node",
    intraOpThreads: 4,
    sessionConfig: {},
    onnxRuntimeVersion: "1.30.0",
    runs: 662,
    p95Ms: change.p50Ms * 1.2,
    throttled: false,
    providerVerified: true,
    measuredAt: NOW - DAY_MS,
    ...change,
  };
}

/** The same from many devices. */
export const measuredBy = (devices: number, change: Parameters<typeof measurement>[0]): TuningMeasurement[] =>
  Array.from({ length: devices }, (_, index) => measurement({ ...change, deviceId: `device-of-type-${index}` }));
