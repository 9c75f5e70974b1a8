import { type DeploymentState, INITIAL_DEPLOYMENT } from "@sartor/shared/domain/deployment";
import type { DeviceDeploymentView, ReportedError, RuntimeSettings } from "@sartor/shared/protocol";
import type { DeviceDeploymentTable } from "./rollouts.tables.js";

/** A deployment as the database holds it. */
export type StoredDeployment = Omit<DeviceDeploymentView, "deviceName" | "emulated" | "held">;

/** A deployment with the settings that its device was told; null where the bundle says them. */
export type FollowedDeployment = StoredDeployment & { readonly runtime: RuntimeSettings | null };

/** What one device of a wave gets. */
export interface DeviceChoice {
  readonly deviceId: string;
  /** Null where nothing fits: then `error` says why, and the device is told nothing. */
  readonly bundleId: string | null;
  /** How the device runs it; null where the bundle says it. */
  readonly runtime: RuntimeSettings | null;
  /** Why it is this variant; null where the rollout names one for all. */
  readonly tailoring: DeviceDeploymentView["tailoring"];
  readonly error: ReportedError | null;
  /** Whether a tuning is to be thought of once it succeeded. */
  readonly tune: boolean;
}

/** What starting a wave needs. */
export interface WaveStart {
  readonly rolloutId: string;
  readonly wave: number;
  readonly now: number;
  readonly deadlineAt: number;
  readonly newId: () => string;
}

/** The row of a device's deployment when its wave begins. */
export function newRow(start: WaveStart, choice: DeviceChoice): DeviceDeploymentTable {
  return {
    deployment_id: start.newId(),
    rollout_id: start.rolloutId,
    device_id: choice.deviceId,
    wave: start.wave,
    bundle_id: choice.bundleId,
    status: choice.bundleId === null ? "rejected" : INITIAL_DEPLOYMENT.status,
    step: INITIAL_DEPLOYMENT.step,
    progress: null,
    error: json(choice.error),
    report_sequence: INITIAL_DEPLOYMENT.reportSequence,
    report_boot_id: INITIAL_DEPLOYMENT.reportBootId,
    queued_at: start.now,
    updated_at: start.now,
    deadline_at: start.deadlineAt,
    runtime: json(choice.runtime),
    tailoring: json(choice.tailoring),
    tune: choice.tune ? "due" : null,
  };
}

function json(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}

/** What the machine of deployments knows of a row. */
export function toState(row: DeviceDeploymentTable): DeploymentState {
  return {
    status: row.status,
    step: row.step,
    progress: row.progress === null ? null : JSON.parse(row.progress),
    error: row.error === null ? null : JSON.parse(row.error),
    reportSequence: row.report_sequence,
    reportBootId: row.report_boot_id,
  };
}

export function toStored(row: DeviceDeploymentTable): StoredDeployment {
  const { status, step, progress, error } = toState(row);
  return {
    deploymentId: row.deployment_id,
    rolloutId: row.rollout_id,
    deviceId: row.device_id,
    bundleId: row.bundle_id,
    tailoring: row.tailoring === null ? null : (JSON.parse(row.tailoring) as DeviceDeploymentView["tailoring"]),
    wave: row.wave,
    status,
    step,
    progress,
    error,
    queuedAt: row.queued_at,
    updatedAt: row.updated_at,
    deadlineAt: row.deadline_at,
  };
}
