import type { DeploymentStatus, DeploymentStep, RolloutStatus, RolloutSummary } from "@sartor/shared/protocol";

export interface RolloutTable {
  rollout_id: string;
  name: string;
  model: string;
  version: string;
  deadline_ms: number;
  probe: string;
  status: RolloutStatus;
  wave: number;
  /** How the bundle of each device is chosen, and whether devices measure afterwards. */
  tailoring: string;
  origin: RolloutSummary["origin"];
  /** What a rollout after a tuning installs; null where each device's own plan says it. */
  choice: string | null;
  cancel_requested_at: number | null;
  created_at: number;
  finished_at: number | null;
}

/** Which devices a rollout is for, fixed when it was made. */
export interface RolloutDeviceTable {
  rollout_id: string;
  wave: number;
  device_id: string;
}

export interface DeviceDeploymentTable {
  deployment_id: string;
  rollout_id: string;
  device_id: string;
  wave: number;
  /** Null where no variant fits the device. */
  bundle_id: string | null;
  status: DeploymentStatus;
  step: DeploymentStep;
  progress: string | null;
  error: string | null;
  report_sequence: number;
  report_boot_id: string | null;
  queued_at: number;
  updated_at: number;
  deadline_at: number;
  /** How the device runs it; null where the bundle says it. */
  runtime: string | null;
  /** Why it is this variant; null where the rollout names one for all. */
  tailoring: string | null;
  /** `due`: once it succeeded, a tuning is to be thought of; then `done`. Null where the rollout wants none. */
  tune: "due" | "done" | null;
}

/** What each device was told last. */
export interface DesiredStateTable {
  device_id: string;
  generation: number;
  desired: string;
  /** 1 once the order is signed and the device was nudged. */
  published: number;
  /** Why it cannot be signed now, as a ReportedError; null where nothing was in the way so far. */
  held: string | null;
}

/** Devices whose desired state is to be computed anew. */
export interface DeviceToPlanTable {
  device_id: string;
}

export interface RolloutTables {
  rollout: RolloutTable;
  rollout_device: RolloutDeviceTable;
  device_deployment: DeviceDeploymentTable;
  desired_state: DesiredStateTable;
  device_to_plan: DeviceToPlanTable;
}
