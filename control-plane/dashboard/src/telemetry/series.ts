import type { TelemetryPoint, TelemetryReply } from "@sartor/shared/protocol";

/** One live telemetry window. */
export interface LiveWindow {
  readonly point: TelemetryPoint;
  readonly classCounts: Readonly<Record<string, number>>;
  /** When it came to the page, ms since 1970 by the page's clock. */
  readonly arrivedAt: number;
}

/** What was read of a range of time. */
export interface TelemetryRead {
  readonly reply: TelemetryReply;
  /** Start of the range, ms since 1970. */
  readonly from: number;
  /** When the read began, by the page's clock: what came live before is in the reply, or not in its range. */
  readonly startedAt: number;
}

/** The live windows that a read does not make needless. */
export function liveSince(read: TelemetryRead, live: readonly LiveWindow[]): readonly LiveWindow[] {
  return live.filter((window) => window.arrivedAt >= read.startedAt);
}

/**
 * What was read, with the live windows of its range that came since put in at their place; windows already there are not counted twice, and
 * those that left the range since are not counted again.
 */
export function mergeTelemetry(read: TelemetryRead, live: readonly LiveWindow[]): TelemetryReply {
  const { reply, from } = read;
  const known = new Set(reply.points.map((point) => point.at));
  const fresh = liveSince(read, live).filter((window) => {
    if (window.point.at < from || known.has(window.point.at)) return false;
    known.add(window.point.at);
    return true;
  });
  if (fresh.length === 0) return reply;
  const points = [...reply.points, ...fresh.map((window) => window.point)].sort((left, right) => left.at - right.at);
  const classCounts = fresh.reduce((sum, window) => addCounts(sum, window.classCounts), reply.classCounts);
  return {
    ...reply,
    points,
    classCounts,
    windows: { ...reply.windows, received: reply.windows.received + fresh.length },
  };
}

/** Two neighbouring ranges of one device as one. */
export function joinTelemetry(older: TelemetryReply, newer: TelemetryReply): TelemetryReply {
  return {
    deviceId: newer.deviceId,
    points: [...older.points, ...newer.points],
    classCounts: addCounts(older.classCounts, newer.classCounts),
    windows: {
      received: older.windows.received + newer.windows.received,
      missing: older.windows.missing + newer.windows.missing,
      dropped: older.windows.dropped + newer.windows.dropped,
    },
  };
}

function addCounts(left: Readonly<Record<string, number>>, right: Readonly<Record<string, number>>) {
  const sum = { ...left };
  for (const [index, count] of Object.entries(right)) sum[index] = (sum[index] ?? 0) + count;
  return sum;
}

/** Columns for a chart: seconds since 1970, then one column a line; null where nothing was measured. */
export type ChartColumns = [number[], ...(number | null)[][]];

/** Two points further apart than this many of their windows have a gap between them. */
const GAP_WINDOWS = 2.5;

/**
 * Turns points (in order of time) into a chart's columns. Where windows are missing, a point of nulls is put in, so that
 * a line is not drawn over time in which nothing is known.
 */
export function chartColumns(
  points: readonly TelemetryPoint[],
  lines: readonly ((point: TelemetryPoint) => number | null)[],
): ChartColumns {
  const times: number[] = [];
  const columns: (number | null)[][] = lines.map(() => []);
  let previous: TelemetryPoint | undefined;
  for (const point of points) {
    if (
      previous !== undefined &&
      point.at - previous.at > GAP_WINDOWS * 1000 * Math.max(point.seconds, previous.seconds)
    ) {
      times.push((previous.at + point.at) / 2000);
      for (const column of columns) column.push(null);
    }
    times.push(point.at / 1000);
    lines.forEach((line, index) => {
      columns[index]?.push(line(point));
    });
    previous = point;
  }
  return [times, ...columns];
}

/** One class with its share of all answers. */
export interface ClassShare {
  readonly index: number;
  readonly label: string;
  readonly count: number;
  /** 0 to 1. */
  readonly share: number;
}

/** Classes by how often they were answered, most frequent first; without a label, the class index stands. */
export function classShares(counts: Readonly<Record<string, number>>, labels: readonly string[]): ClassShare[] {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([key, count]) => {
      const index = Number(key);
      return { index, label: labels[index] ?? `class ${key}`, count, share: count / total };
    })
    .sort((left, right) => right.count - left.count || left.index - right.index);
}
