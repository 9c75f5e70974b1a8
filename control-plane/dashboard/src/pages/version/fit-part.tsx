import type { FirmwareProfileView, ModelVersionView, TailoringPlan } from "@sartor/shared/protocol";
import { useMemo } from "preact/hooks";
import {
  type Answer,
  type PlanTarget,
  type ShownError,
  useConnection,
  useFleet,
  usePlans,
  useResource,
} from "../../api/index.js";
import {
  type DataColumn,
  DataTable,
  EmptyState,
  EmulatedMark,
  ErrorNote,
  Loading,
  Panel,
} from "../../components/index.js";
import { plural } from "../../format/index.js";
import { devicePath, Link, versionPath } from "../../router/index.js";
import { CandidateCost, chosenOf, kindsOfDevices, PlanView, providerWords } from "../tailoring/index.js";
import { MeasurementsPanel } from "./measurements-panel.js";

/** Kinds of hardware of the fleet that are planned for here; the device's own page plans for any. */
const MOST_GROUPS = 24;

interface FitRow extends PlanTarget {
  readonly name: string;
  readonly second: string;
  readonly emulated?: boolean;
  readonly link?: string;
}

/** Which variant each kind of device would get, with the whole plan of one on demand. */
export function FitPart({ view, query }: { readonly view: ModelVersionView; readonly query: URLSearchParams }) {
  const { client } = useConnection();
  const profiles = useResource("firmware-profiles", (signal) => client.tailoring.profiles(signal));
  const fleet = useFleet();
  const groups = useMemo(() => kindsOfDevices(fleet.devices).slice(0, MOST_GROUPS), [fleet.devices]);
  const fleetRows: FitRow[] = groups.map(({ board, devices, emulated, sample }) => ({
    key: `device ${sample.deviceId}`,
    device: { deviceId: sample.deviceId },
    name: board,
    second: devices.length === 1 ? sample.name : `${sample.name} and ${plural(devices.length - 1, "other", "others")}`,
    emulated,
    link: devicePath(sample.deviceId),
  }));
  const profileRows: FitRow[] = (profiles.value ?? []).map(profileRow).sort((a, b) => (a.name < b.name ? -1 : 1));
  const rows = [...fleetRows, ...profileRows];
  const round = view.variants.map(({ variantId }) => variantId).join();
  const plans = usePlans({ version: { model: view.model, version: view.version }, round }, rows);
  const open = rows.find(({ key }) => key === query.get("plan"));
  if (open !== undefined) return <OpenPlan view={view} row={open} answer={plans.get(open.key)} />;
  const columns = columnsOf(view, plans);
  return (
    <>
      <Panel title="Your devices">
        {fleetRows.length === 0 ? (
          <EmptyState title={fleet.complete ? "No device has said what hardware it is yet" : "Reading the fleet…"} />
        ) : (
          <DataTable label="Your devices" columns={columns} rows={fleetRows} keyOf={keyOf} />
        )}
      </Panel>
      <Panel title="Known kinds of hardware" aside={<span class="muted small">each with its reference device</span>}>
        {profiles.error === null ? null : <ErrorNote error={profiles.error} title="The profiles cannot be read" />}
        {profiles.value === null && profiles.error === null ? <Loading what="the profiles" rows={6} /> : null}
        {profileRows.length === 0 ? null : (
          <DataTable label="Known kinds of hardware" columns={columns} rows={profileRows} keyOf={keyOf} />
        )}
      </Panel>
      <MeasurementsPanel view={view} />
    </>
  );
}

const keyOf = (row: FitRow) => row.key;

function profileRow({ id, title, role }: FirmwareProfileView): FitRow {
  return {
    key: `profile ${id}`,
    device: { profile: id },
    name: title,
    second: role === "accelerator" ? "plugged into a computer" : id,
  };
}

function columnsOf(
  { model, version }: ModelVersionView,
  plans: ReadonlyMap<string, Answer<TailoringPlan>>,
): DataColumn<FitRow>[] {
  const chosen = (row: FitRow) => chosenOf(plans.get(row.key)?.value);
  return [
    {
      header: "Hardware",
      width: 32,
      render: (row) => (
        <span class="two-lines">
          <span>
            {row.name} {row.emulated ? <EmulatedMark /> : null}
          </span>
          <span class="second">{row.link === undefined ? row.second : <Link to={row.link}>{row.second}</Link>}</span>
        </span>
      ),
    },
    { header: "Gets", width: 19, render: (row) => <Choice answer={plans.get(row.key)} /> },
    {
      header: "Runs on",
      width: 14,
      render: (row) => {
        const candidate = chosen(row);
        return candidate === undefined ? null : providerWords(candidate.executionProvider);
      },
    },
    { header: "Threads", width: 7, numeric: true, render: (row) => chosen(row)?.intraOpThreads },
    {
      header: "Expected for one image",
      hint: "Median latency, and how well the number is founded",
      render: (row) => {
        const candidate = chosen(row);
        return candidate === undefined ? null : <CandidateCost candidate={candidate} />;
      },
    },
    {
      header: "Plan",
      width: 6,
      render: (row) => (
        <Link class="nowrap" to={`${versionPath(model, version, "devices")}?${new URLSearchParams({ plan: row.key })}`}>
          <span aria-hidden="true">Why?</span>
          <span class="visually-hidden">Why {row.name} gets this</span>
        </Link>
      ),
    },
  ];
}

function Choice({ answer }: { readonly answer: Answer<TailoringPlan> | undefined }) {
  if (answer === undefined) return <span class="muted">planning…</span>;
  if (answer.value === null) return <span class="warn-text">{answer.error?.message ?? "no plan"}</span>;
  const first = chosenOf(answer.value);
  return (
    <span class="two-lines">
      {first === undefined ? <span class="warn-text">nothing fits</span> : <b>{first.variant.name}</b>}
      {answer.value.generic ? <span class="second warn-text">unknown hardware: safe choice</span> : null}
    </span>
  );
}

interface OpenPlanProps {
  readonly view: ModelVersionView;
  readonly row: FitRow;
  readonly answer: Answer<TailoringPlan> | undefined;
}

function OpenPlan({ view, row, answer }: OpenPlanProps) {
  return (
    <Panel
      title={`Plan for ${row.name}`}
      aside={<Link to={versionPath(view.model, view.version, "devices")}>Back to all hardware</Link>}
    >
      {answer === undefined ? <Loading what="the plan" rows={5} /> : null}
      {answer?.error ? <PlanError error={answer.error} /> : null}
      {answer?.value ? <PlanView plan={answer.value} /> : null}
    </Panel>
  );
}

function PlanError({ error }: { readonly error: ShownError }) {
  return <ErrorNote error={error} title="There is no plan for this hardware" />;
}
