import type { RuntimeSettings, TailoringCandidate, TuningReport, TuningView } from "@sartor/shared/protocol";
import type { TuningTable } from "./tailoring.tables.js";

/** A plan's candidate as a device is told to measure it. */
export interface OrderedCandidate {
  /** Unique within the tuning, e.g. "int8-u8s8 cpu 2". */
  readonly candidateId: string;
  readonly variantId: string;
  readonly runtime: RuntimeSettings;
  readonly candidate: TailoringCandidate;
}

/** A tuning as the database holds it. */
export interface StoredTuning extends Omit<TuningView, "candidates" | "report"> {
  readonly candidates: readonly OrderedCandidate[];
  readonly report: TuningReport | null;
  /** The tuning whose order was followed again; null for what was ordered. */
  readonly originId: string | null;
  readonly deviceType: string;
  readonly emulated: boolean;
}

/** A tuning to be ordered. */
export interface NewTuning
  extends Pick<
    StoredTuning,
    | "tuningId"
    | "deviceId"
    | "model"
    | "version"
    | "reason"
    | "apply"
    | "candidates"
    | "rules"
    | "budget"
    | "deviceType"
    | "emulated"
    | "createdAt"
  > {
  /** The deployment whose success asks for it. */
  readonly deploymentId: string | null;
  /** The tuning whose verdict it follows; null for all others. */
  readonly follows: string | null;
  readonly deadlineAt: number;
}

/** A tuning as operators see it. */
export function toTuningView(tuning: StoredTuning): TuningView {
  const { originId: _origin, deviceType: _type, emulated: _emulated, candidates, ...view } = tuning;
  return { ...view, candidates: candidates.map(({ candidate }) => candidate) };
}

export function toStoredTuning(row: TuningTable): StoredTuning {
  return {
    tuningId: row.tuning_id,
    deviceId: row.device_id,
    model: row.model,
    version: row.version,
    status: row.status,
    reason: row.reason,
    apply: row.apply === 1,
    candidates: JSON.parse(row.candidates) as OrderedCandidate[],
    rules: JSON.parse(row.rules) as StoredTuning["rules"],
    budget: JSON.parse(row.budget) as StoredTuning["budget"],
    progress: row.progress,
    report: row.report === null ? null : (JSON.parse(row.report) as TuningReport),
    rolloutId: row.rollout_id,
    originId: row.origin_id,
    deviceType: row.device_type,
    emulated: row.emulated === 1,
    createdAt: row.created_at,
    finishedAt: row.finished_at,
  };
}

export function toTuningRow(tuning: NewTuning): TuningTable {
  return {
    tuning_id: tuning.tuningId,
    device_id: tuning.deviceId,
    model: tuning.model,
    version: tuning.version,
    status: "queued",
    reason: tuning.reason,
    apply: tuning.apply ? 1 : 0,
    candidates: JSON.stringify(tuning.candidates),
    variants: JSON.stringify([...new Set(tuning.candidates.map(({ variantId }) => variantId))]),
    rules: JSON.stringify(tuning.rules),
    budget: JSON.stringify(tuning.budget),
    progress: 0,
    report: null,
    report_sequence: null,
    report_at: null,
    follow_up: null,
    follow_up_at: null,
    rollout_id: null,
    origin_id: null,
    deployment_id: tuning.deploymentId,
    device_type: tuning.deviceType,
    emulated: tuning.emulated ? 1 : 0,
    told: 0,
    created_at: tuning.createdAt,
    finished_at: null,
    deadline_at: tuning.deadlineAt,
  };
}
