import type { ModelVersionView, TuningMeasurement } from "@sartor/shared/protocol";
import { useRef } from "preact/hooks";
import { useConnection, useLiveEvents, useResource } from "../../api/index.js";
import { Ago, type DataColumn, DataTable, EmptyState, EmulatedMark, ErrorNote, Panel } from "../../components/index.js";
import { formatCount, formatMilliseconds } from "../../format/index.js";
import { devicePath, Link } from "../../router/index.js";
import { placeWords } from "../tailoring/index.js";

/** Newest measurements shown. */
const SHOWN = 50;

/** What devices measured of a version: plans of the same kind of hardware start with it. */
export function MeasurementsPanel({ view: { model, version } }: { readonly view: ModelVersionView }) {
  const { client } = useConnection();
  const read = useResource(`measurements ${model} ${version}`, (signal) =>
    client.tailoring.measurements({ model, version }, SHOWN, signal),
  );
  const seen = useRef(new Set<string>());
  useLiveEvents((event) => {
    if (event.type !== "tuning" || event.tuning.model !== model || event.tuning.report === null) return;
    // A tuning that has ended is announced again when its rollout begins: it brings no new measurements then.
    if (seen.current.has(event.tuning.tuningId)) return;
    seen.current.add(event.tuning.tuningId);
    read.reload();
  });
  const rows = read.value ?? [];
  return (
    <Panel title="What devices measured" aside={<span class="muted small">the newest {SHOWN}</span>}>
      {read.error === null ? null : <ErrorNote error={read.error} title="The measurements cannot be read" />}
      {read.value !== null && rows.length === 0 ? (
        <EmptyState title="No device has measured this version yet">
          <p>
            A device measures when a rollout asks it to, or from its own page. Its kind of hardware profits from it.
          </p>
        </EmptyState>
      ) : null}
      {rows.length === 0 ? null : (
        <DataTable
          label="What devices measured"
          columns={COLUMNS}
          rows={rows}
          keyOf={({ measurementId }) => measurementId}
        />
      )}
    </Panel>
  );
}

const COLUMNS: readonly DataColumn<TuningMeasurement>[] = [
  {
    header: "Kind of hardware",
    render: ({ deviceType, deviceId, emulated }) => (
      <span class="two-lines">
        <span>
          {deviceType} {emulated ? <EmulatedMark /> : null}
        </span>
        <span class="second">
          <Link to={devicePath(deviceId)}>{deviceId}</Link>
        </span>
      </span>
    ),
  },
  {
    header: "Variant",
    render: (measurement) => (
      <span class="two-lines">
        <b>{measurement.variant.name}</b>
        <span class="second">{placeWords(measurement)}</span>
      </span>
    ),
  },
  { header: "Median", numeric: true, render: ({ p50Ms }) => formatMilliseconds(p50Ms) },
  {
    header: "95 of 100",
    numeric: true,
    hint: "95 of 100 runs were faster",
    render: ({ p95Ms }) => formatMilliseconds(p95Ms),
  },
  {
    header: "Runs",
    numeric: true,
    render: ({ runs, throttled }) => (
      <span class={throttled ? "warn-text" : ""}>
        {formatCount(runs)}
        {throttled ? ", throttled" : ""}
      </span>
    ),
  },
  { header: "Measured", numeric: true, render: ({ measuredAt }) => <Ago at={measuredAt} /> },
];
