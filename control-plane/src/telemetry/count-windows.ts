import type { TelemetryReply } from "@sartor/shared/protocol";

/** What tells of losses in a window. */
export interface WindowMark {
  readonly streamId: string;
  readonly sequence: number;
  /** Windows that the device itself dropped since the stream began. */
  readonly dropped: number;
}

/**
 * Counts windows of a range: received, missing between the first and the last of each stream, and of the missing those
 * that the device says it dropped itself in that range.
 */
export function countWindows(marks: readonly WindowMark[]): TelemetryReply["windows"] {
  const streams = new Map<string, WindowMark[]>();
  for (const mark of marks) {
    const stream = streams.get(mark.streamId);
    if (stream === undefined) streams.set(mark.streamId, [mark]);
    else stream.push(mark);
  }
  let missing = 0;
  let dropped = 0;
  for (const stream of streams.values()) {
    const sequences = stream.map(({ sequence }) => sequence);
    const drops = stream.map((mark) => mark.dropped);
    missing += spreadOf(sequences) + 1 - new Set(sequences).size;
    dropped += spreadOf(drops);
  }
  return { received: marks.length, missing, dropped };
}

/** Distance between the smallest and the largest number; a loop, because spreading a long list overflows the stack. */
function spreadOf(values: readonly number[]): number {
  let smallest = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    smallest = Math.min(smallest, value);
    largest = Math.max(largest, value);
  }
  return largest - smallest;
}
