import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { formatClock } from "../format/index.js";
import type { ChartColumns } from "../telemetry/index.js";

/** One line of a chart. */
export interface ChartLine {
  readonly name: string;
  /** Name of the style sheet's variable for its colour. */
  readonly color: `--line-${1 | 2 | 3}`;
}

/** Properties of a {@link Chart}. */
export interface ChartProps {
  readonly title: string;
  readonly hint?: string;
  readonly lines: readonly ChartLine[];
  readonly columns: ChartColumns;
  /** First and last moment on the time axis, seconds since 1970. */
  readonly from: number;
  readonly to: number;
  readonly format: (value: number | null) => string;
  /** Lowest and highest value that the axis spans at least. */
  readonly least?: number;
  readonly most?: number;
  /** Steps that the axis may take, where tens are not round numbers. */
  readonly increments?: readonly number[];
}

const HEIGHT = 148;
const AXIS_WIDTH = 66;
/** Charts with the same key share their cursor. */
const CURSOR_KEY = "device";

/** Lines over time. The legend tells the values under the cursor, or the newest ones. */
export function Chart(properties: ChartProps) {
  const { title, hint, lines, columns, from, to, format } = properties;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const newest = useRef(properties);
  newest.current = properties;
  const [cursor, setCursor] = useState<number | null>(null);
  const scheme = useColorScheme();

  // A canvas cannot restyle what it has drawn: a new colour scheme needs a new plot.
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const options = plotOptions(element, newest, setCursor);
    const created = new uPlot(options, newest.current.columns, element);
    plot.current = created;
    const observer = new ResizeObserver(() => created.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      created.destroy();
      plot.current = null;
    };
  }, [scheme]);

  useEffect(() => {
    const current = plot.current;
    if (current === null) return;
    current.batch(() => {
      current.setData(columns, false);
      current.setScale("x", { min: from, max: to });
    });
  }, [columns, from, to, scheme]);

  const values = lines.map((_, index) => valueAt(columns, index + 1, cursor));
  const summary = lines.map((line, index) => `${line.name} ${format(values[index] ?? null)}`).join(", ");
  const empty = !columns.slice(1).some((column) => column.some((value) => value !== null));
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title" title={hint}>
          {title}
        </span>
        <ul class="chart-legend">
          {lines.map((line, index) => (
            <li key={line.name}>
              <span class={`line-sign line-sign${line.color.slice(6)}`} aria-hidden="true" />
              {line.name} <b>{format(values[index] ?? null)}</b>
            </li>
          ))}
        </ul>
        <span class="chart-time muted small">{cursor === null ? "" : formatClock(columns[0][cursor] ?? 0, true)}</span>
      </figcaption>
      <div class="chart-body" ref={host} role="img" aria-label={`${title} over time; newest: ${summary}`}>
        {empty ? <span class="chart-empty">nothing measured in this range</span> : null}
      </div>
    </figure>
  );
}

function valueAt(columns: ChartColumns, line: number, cursor: number | null): number | null {
  const column = columns[line] ?? [];
  return cursor === null ? (column.findLast((value) => value !== null) ?? null) : (column[cursor] ?? null);
}

function plotOptions(
  host: HTMLElement,
  newest: { readonly current: ChartProps },
  setCursor: (index: number | null) => void,
): uPlot.Options {
  const color = (name: string) => getComputedStyle(host).getPropertyValue(name).trim();
  const font = `11px ${getComputedStyle(host).fontFamily}`;
  const grid = { stroke: color("--grid"), width: 1 };
  const { lines, from, to, increments } = newest.current;
  return {
    width: Math.max(200, host.clientWidth),
    height: HEIGHT,
    legend: { show: false },
    cursor: { sync: { key: CURSOR_KEY }, y: false, drag: { setScale: false, x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { time: true, min: from, max: to, auto: false },
      y: { range: (_plot, low, high) => axisRange(low, high, newest.current) },
    },
    axes: [
      {
        stroke: color("--muted"),
        font,
        grid: { show: false },
        ticks: { ...grid, size: 4 },
        space: 64,
        size: 26,
        values: (_plot, splits) => splits.map((split) => formatClock(split, false)),
      },
      {
        stroke: color("--muted"),
        font,
        grid,
        ticks: { show: false },
        size: AXIS_WIDTH,
        space: 28,
        values: (_plot, splits) => splits.map((split) => newest.current.format(split)),
        ...(increments === undefined ? {} : { incrs: [...increments] }),
      },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.name,
        stroke: color(line.color),
        width: 1.5,
        points: { show: (plot: uPlot) => plot.data[0].length < 40, size: 4 },
        spanGaps: false,
      })),
    ],
    hooks: { setCursor: [(plot) => setCursor(plot.cursor.idx ?? null)] },
  };
}

/** Room above and below the values, never less than the least and most that the chart asks for. */
function axisRange(low: number | null, high: number | null, properties: ChartProps): [number, number] {
  const bottom = Math.min(low ?? Number.POSITIVE_INFINITY, properties.least ?? Number.POSITIVE_INFINITY);
  const top = Math.max(high ?? Number.NEGATIVE_INFINITY, properties.most ?? Number.NEGATIVE_INFINITY);
  if (!Number.isFinite(bottom) && !Number.isFinite(top)) return [0, 1];
  const lower = Number.isFinite(bottom) ? bottom : top - 1;
  const upper = Number.isFinite(top) ? top : lower + 1;
  const room = (upper - lower) * 0.08 || Math.abs(upper) * 0.05 || 1;
  return [lower === properties.least ? lower : lower - room, upper === properties.most ? upper : upper + room];
}

/** Changes when the reader's system changes between light and dark. */
function useColorScheme(): boolean {
  const [dark, setDark] = useState(() => window.matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = window.matchMedia("(prefers-color-scheme: dark)");
    const update = () => setDark(query.matches);
    query.addEventListener("change", update);
    return () => query.removeEventListener("change", update);
  }, []);
  return dark;
}
