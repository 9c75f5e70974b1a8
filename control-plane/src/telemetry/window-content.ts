import type { TelemetryWindow } from "@sartor/shared/protocol";

/** What is kept of a window besides its key columns. */
export type WindowContent = Pick<TelemetryWindow, "serving" | "inference" | "system">;

/** Writes what is kept of a window. Sketches stay as they travel: already short, a few hundred buckets at most. */
export function encodeContent({ serving, inference, system }: TelemetryWindow): string {
  return JSON.stringify({ serving, inference, system } satisfies WindowContent);
}
