import type { TuningView } from "@sartor/shared/protocol";

/** One tuning of a device. JSON columns hold text; times are ms since 1970. */
export interface TuningTable {
  tuning_id: string;
  device_id: string;
  model: string;
  version: string;
  status: TuningView["status"];
  reason: string;
  apply: number;
  candidates: string;
  /** Ids of the candidates' variants. */
  variants: string;
  rules: string;
  budget: string;
  progress: number;
  report: string | null;
  report_sequence: number | null;
  report_at: number | null;
  /** `due` until its verdict is followed: by a rollout, or by another tuning where it says hold; null where nothing follows. */
  follow_up: "due" | "done" | "skipped" | null;
  /** When that may be done first. */
  follow_up_at: number | null;
  rollout_id: string | null;
  /** The tuning whose order the device followed again because its environment changed; null for what was ordered. */
  origin_id: string | null;
  /** The deployment whose success asked for it; null for what a person asked for. */
  deployment_id: string | null;
  device_type: string;
  emulated: number;
  /** 0: the device's desired state is to be computed anew because of it. */
  told: number;
  created_at: number;
  finished_at: number | null;
  deadline_at: number;
}

/** One candidate that a device measured; the ids rise with time. */
export interface TuningMeasurementTable {
  measurement_id: string;
  device_id: string;
  device_type: string;
  emulated: number;
  model: string;
  version: string;
  measurement: string;
}

export interface TailoringTables {
  tuning: TuningTable;
  tuning_measurement: TuningMeasurementTable;
}
