import type { DeviceDetail, TelemetryPoint, TelemetryReply } from "@sartor/shared/protocol";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useConnection, useLiveEvents, useResource } from "../api/index.js";
import { Chart, type ChartLine, ErrorNote, Panel, useNow } from "../components/index.js";
import {
  formatBytes,
  formatCount,
  formatMilliseconds,
  formatRate,
  formatShare,
  formatSignificant,
  formatTemperature,
} from "../format/index.js";
import { replaceQuery } from "../router/index.js";
import { chartColumns, type LiveWindow, liveSince, mergeTelemetry, type TelemetryRead } from "../telemetry/index.js";
import { ClassDistribution } from "./class-distribution.js";

const RANGES = [
  { id: "15m", name: "15 min", ms: 15 * 60_000 },
  { id: "1h", name: "1 h", ms: 3_600_000 },
  { id: "6h", name: "6 h", ms: 6 * 3_600_000 },
  { id: "24h", name: "24 h", ms: 24 * 3_600_000 },
] as const;
type Range = (typeof RANGES)[number];

/** The time axis moves on this often, ms. */
const AXIS_STEP_MS = 5_000;
/** Live windows kept between two full reads. */
const MOST_LIVE_WINDOWS = 10_000;

/** Round numbers of bytes, 1 KiB to 1 TiB. */
const POWERS_OF_TWO = Array.from({ length: 31 }, (_, index) => 2 ** (index + 10));

interface ChartSpec {
  readonly title: string;
  readonly hint?: string;
  readonly lines: readonly (ChartLine & { readonly value: (point: TelemetryPoint) => number | null })[];
  readonly format: (value: number | null) => string;
  readonly least?: number;
  readonly most?: number;
  readonly increments?: readonly number[];
}

const CHARTS: readonly ChartSpec[] = [
  {
    title: "Requests",
    lines: [
      {
        name: "answered",
        color: "--line-1",
        value: (point) => (point.seconds > 0 ? point.requests / point.seconds : null),
      },
      {
        name: "failed",
        color: "--line-3",
        value: (point) => (point.seconds > 0 ? point.errors / point.seconds : null),
      },
    ],
    format: formatRate,
    least: 0,
  },
  {
    title: "Latency",
    hint: "Time from a request's arrival to its answer",
    lines: [
      { name: "p50", color: "--line-1", value: (point) => point.latencyMs?.p50 ?? null },
      { name: "p95", color: "--line-2", value: (point) => point.latencyMs?.p95 ?? null },
      { name: "p99", color: "--line-3", value: (point) => point.latencyMs?.p99 ?? null },
    ],
    format: formatMilliseconds,
    least: 0,
  },
  {
    title: "Confidence",
    hint: "Probability of the answered class",
    lines: [
      { name: "p50", color: "--line-1", value: (point) => point.topProbability?.p50 ?? null },
      { name: "p10", color: "--line-2", value: (point) => point.topProbability?.p10 ?? null },
    ],
    format: formatShare,
    most: 1,
    least: 0.9,
  },
  {
    title: "Entropy",
    hint: "Entropy of the class distribution, nats: the higher, the less sure",
    lines: [
      { name: "p50", color: "--line-1", value: (point) => point.entropy?.p50 ?? null },
      { name: "p90", color: "--line-2", value: (point) => point.entropy?.p90 ?? null },
    ],
    format: (value) => (value === null ? formatSignificant(value) : `${formatSignificant(value)} nat`),
    least: 0,
  },
  {
    title: "Temperature",
    hint: "Hottest thermal zone",
    lines: [{ name: "hottest zone", color: "--line-1", value: (point) => point.temperatureCelsius }],
    format: formatTemperature,
  },
  {
    title: "Memory",
    hint: "Agent and its children, proportional set size",
    lines: [{ name: "agent", color: "--line-1", value: (point) => point.agentMemoryBytes }],
    format: formatBytes,
    least: 0,
    increments: POWERS_OF_TWO,
  },
];

/** A device's telemetry over a range of time, with live windows appended. */
export function DeviceTelemetry({ device, query }: { readonly device: DeviceDetail; readonly query: URLSearchParams }) {
  const { client } = useConnection();
  const range = RANGES.find((each) => each.id === query.get("range")) ?? RANGES[0];
  const read = useResource(`telemetry ${device.deviceId} ${range.id}`, async (signal): Promise<TelemetryRead> => {
    const startedAt = Date.now();
    const from = startedAt - range.ms;
    // A device's clock may run ahead a little: what it says of the next minute belongs to now.
    const reply = await client.telemetry(device.deviceId, from, startedAt + 60_000, signal);
    return { reply, from, startedAt };
  });
  const live = useLiveWindows(device.deviceId, read.value);
  useReloadEach(range.ms / 10, read.reload);
  const reply = useMemo(() => (read.value === null ? null : mergeTelemetry(read.value, live)), [read.value, live]);
  const labels = useLabels(device);

  return (
    <div class="stack">
      <Panel title="Over time" aside={<RangeChoice range={range} />}>
        {read.error === null ? null : <ErrorNote error={read.error} title="Telemetry cannot be read" />}
        <Charts reply={reply} range={range} />
        {reply === null ? null : <WindowCounts windows={reply.windows} />}
      </Panel>
      <ClassDistribution counts={reply?.classCounts ?? null} labels={labels} />
    </div>
  );
}

const NO_POINTS: readonly TelemetryPoint[] = [];

function Charts({ reply, range }: { readonly reply: TelemetryReply | null; readonly range: Range }) {
  const now = useNow(AXIS_STEP_MS);
  const points = reply?.points ?? NO_POINTS;
  const columns = useMemo(
    () =>
      CHARTS.map((chart) =>
        chartColumns(
          points,
          chart.lines.map((line) => line.value),
        ),
      ),
    [points],
  );
  const newest = points.at(-1)?.at ?? 0;
  const to = Math.max(now, Math.min(newest, now + 60_000)) / 1000;
  return (
    <div class="charts" aria-busy={reply === null}>
      {CHARTS.map((chart, index) => (
        <Chart key={chart.title} {...chart} columns={columns[index] ?? [[]]} from={to - range.ms / 1000} to={to} />
      ))}
    </div>
  );
}

function RangeChoice({ range }: { readonly range: Range }) {
  return (
    <fieldset class="choice" aria-label="Range of time">
      {RANGES.map((each) => (
        <button
          key={each.id}
          type="button"
          aria-pressed={each.id === range.id}
          onClick={() => replaceQuery({ range: each.id === RANGES[0].id ? null : each.id })}
        >
          {each.name}
        </button>
      ))}
    </fieldset>
  );
}

function WindowCounts({ windows }: { readonly windows: TelemetryReply["windows"] }) {
  return (
    <p class="windows small">
      <span class="muted">Telemetry windows in this range:</span> <b>{formatCount(windows.received)}</b> received,{" "}
      <b class={windows.missing > 0 ? "warn-text" : ""}>{formatCount(windows.missing)}</b> missing, of which{" "}
      <b class={windows.dropped > 0 ? "warn-text" : ""}>{formatCount(windows.dropped)}</b> dropped by the device
    </p>
  );
}

/** Live windows since a read; each full read takes the place of those before it. */
function useLiveWindows(deviceId: string, read: TelemetryRead | null): readonly LiveWindow[] {
  const [windows, setWindows] = useState<readonly LiveWindow[]>([]);
  useLiveEvents((event) => {
    if (event.type !== "telemetry" || event.deviceId !== deviceId) return;
    const { point, classCounts } = event;
    setWindows((old) => [...old.slice(-MOST_LIVE_WINDOWS), { point, classCounts, arrivedAt: Date.now() }]);
  });
  useEffect(() => {
    if (read !== null) setWindows((old) => liveSince(read, old));
  }, [read]);
  return windows;
}

/** Reads again from time to time, so that what left the range leaves the counts too. */
function useReloadEach(milliseconds: number, reload: () => void): void {
  const newest = useRef(reload);
  newest.current = reload;
  useEffect(() => {
    const timer = setInterval(() => newest.current(), Math.max(60_000, milliseconds));
    return () => clearInterval(timer);
  }, [milliseconds]);
}

const NO_LABELS: readonly string[] = [];

function useLabels(device: DeviceDetail): readonly string[] {
  const { client } = useConnection();
  const model = device.serving?.model ?? null;
  const version = device.serving?.version ?? null;
  const read = useResource(`labels ${model} ${version}`, async (signal) =>
    model === null || version === null ? null : client.modelVersion(model, version, signal),
  );
  return read.value?.manifest.labels ?? NO_LABELS;
}
