import type { DeploymentStatus, DeploymentStep, RolloutStatus } from "@sartor/shared/protocol";

export interface RolloutTable {
  rollout_id: string;
  name: string;
  model: string;
  version: string;
  deadline_ms: number;
  probe: string;
  status: RolloutStatus;
  wave: number;
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
  bundle_id: string;
  status: DeploymentStatus;
  step: DeploymentStep;
  progress: string | null;
  error: string | null;
  report_sequence: number;
  report_boot_id: string | null;
  queued_at: number;
  updated_at: number;
  deadline_at: number;
}

/** What each device was told last. */
export interface DesiredStateTable {
  device_id: string;
  generation: number;
  desired: string;
  published: number;
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
