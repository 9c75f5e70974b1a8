/** What is kept of one device at most; the oldest windows go first. */
export interface TelemetryQuota {
  readonly windows: number;
  /** Of the kept windows as texts, bytes. */
  readonly bytes: number;
}

/**
 * 30 days of windows of 10 s are 259,200, at about 1.5 kB each with the road-sign model (1,356 bytes on average, 2,555 at most, in a demo). So
 * a well-behaved device stays inside, and none fills the disk.
 */
export const TELEMETRY_QUOTA: TelemetryQuota = { windows: 300_000, bytes: 512 * 1024 * 1024 };

/** What is kept of one device. */
export interface TelemetryUsage {
  readonly windows: number;
  readonly bytes: number;
}

/** Chooses how many of the oldest windows go, so that the rest fits a quota. */
export function countToRemove(usage: TelemetryUsage, quota: TelemetryQuota, oldestFirst: readonly number[]): number {
  let { windows, bytes } = usage;
  let removed = 0;
  for (const size of oldestFirst) {
    if (windows <= quota.windows && bytes <= quota.bytes) break;
    windows -= 1;
    bytes -= size;
    removed += 1;
  }
  return removed;
}
