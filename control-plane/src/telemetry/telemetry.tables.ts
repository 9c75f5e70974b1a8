/** One window of one device as it came. The primary key makes a repeated window harmless. */
export interface TelemetryWindowTable {
  device_id: string;
  stream_id: string;
  sequence: number;
  /** By the control plane's clock: the device's own may be wrong. Retention goes by it. */
  received_at: number;
  started_at: number;
  ended_at: number;
  dropped: number;
  /** Counts, sketches and system readings as JSON. */
  content: string;
}

/** What a chart shows of a window, made when it came: a question reads these and no sketch. */
export interface TelemetryPointTable {
  device_id: string;
  stream_id: string;
  sequence: number;
  received_at: number;
  ended_at: number;
  dropped: number;
  /** Size of everything kept of the window. */
  bytes: number;
  point: string;
  class_counts: string | null;
}

/** What is kept of a device, for its quota. */
export interface TelemetryUsageTable {
  device_id: string;
  windows: number;
  bytes: number;
  /** Windows removed because of the quota, since the device enrolled. */
  removed: number;
}

export interface TelemetryTables {
  telemetry_window: TelemetryWindowTable;
  telemetry_point: TelemetryPointTable;
  telemetry_usage: TelemetryUsageTable;
}
