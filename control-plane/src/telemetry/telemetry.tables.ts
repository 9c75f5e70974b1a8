/** One window of one device. The primary key makes a repeated window harmless. */
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

export interface TelemetryTables {
  telemetry_window: TelemetryWindowTable;
}
