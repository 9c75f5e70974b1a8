import type { DeviceSummary } from "@sartor/shared/protocol";
import { useMemo } from "preact/hooks";
import { Allowed, countFleet, type FleetCounts, useFleet } from "../api/index.js";
import { EmptyState, ErrorNote, Loading, VirtualTable } from "../components/index.js";
import { formatCount } from "../format/index.js";
import { devicePath, navigate, replaceQuery } from "../router/index.js";
import { EnrolDevice, WaitingLink } from "./enrolment/index.js";
import { fleetColumns } from "./fleet-columns.js";
import { FLEET_VIEWS, type FleetView, filterFleet, fleetViewOf } from "./fleet-filter.js";
import { groupsOf, type KnownGroup } from "./groups/index.js";
import { keepSorting, sortingOf } from "./query-sorting.js";
import { useTitle } from "./use-title.js";

const keyOf = (device: DeviceSummary) => device.deviceId;
const open = (device: DeviceSummary) => navigate(devicePath(device.deviceId));

/** All devices, live. */
export function FleetPage({ query }: { readonly query: URLSearchParams }) {
  useTitle("Fleet");
  const fleet = useFleet();
  const view = fleetViewOf(query.get("show"));
  const search = query.get("search") ?? "";
  const group = query.get("group");
  const rows = useMemo(() => filterFleet(fleet.devices, view, search, group), [fleet.devices, view, search, group]);
  const groups = useMemo(() => groupsOf(fleet.devices), [fleet.devices]);
  const manyGroups = groups.length > 1;
  const counts = useMemo(() => countFleet(fleet.devices), [fleet.devices]);
  const hasDevices = fleet.devices.length > 0;

  return (
    <div class="page page-table">
      <div class="page-head">
        <h1>Fleet</h1>
        <ViewChoice counts={counts} view={view} complete={fleet.complete} />
        {manyGroups || group !== null ? <GroupChoice groups={groups} chosen={group} /> : null}
        <input
          type="search"
          class="search"
          aria-label="Filter devices"
          placeholder="Filter by name, board, model, status…"
          value={search}
          onInput={(event) => replaceQuery({ search: event.currentTarget.value })}
        />
        <WaitingLink />
        <Allowed to="operator">
          <EnrolDevice />
        </Allowed>
      </div>
      {fleet.error === null ? null : <ErrorNote error={fleet.error} title="The list of devices cannot be read" />}
      {!hasDevices && !fleet.complete && fleet.error === null ? <Loading what="devices" rows={8} /> : null}
      {!hasDevices && fleet.complete ? <NoDevices /> : null}
      {hasDevices && rows.length === 0 ? (
        <EmptyState title="No device fits this filter">
          <button type="button" onClick={() => replaceQuery({ search: null, show: null, group: null })}>
            Show all {formatCount(counts.total)}
          </button>
        </EmptyState>
      ) : null}
      {rows.length > 0 ? (
        <VirtualTable
          label="Devices"
          columns={fleetColumns(manyGroups)}
          rows={rows}
          keyOf={keyOf}
          sorting={sortingOf(query, { column: "name", descending: false })}
          onSort={keepSorting}
          onOpen={open}
        />
      ) : null}
    </div>
  );
}

interface GroupChoiceProps {
  readonly groups: readonly KnownGroup[];
  readonly chosen: string | null;
}

/** One group, or all. One that has no devices any more is still what the address says. */
function GroupChoice({ groups, chosen }: GroupChoiceProps) {
  const isKnown = chosen === null || groups.some(({ group }) => group === chosen);
  return (
    <select
      aria-label="Group"
      value={chosen ?? ""}
      onChange={(event) => replaceQuery({ group: event.currentTarget.value || null })}
    >
      <option value="">all groups</option>
      {groups.map(({ group, devices }) => (
        <option key={group} value={group}>
          {group} ({formatCount(devices)})
        </option>
      ))}
      {isKnown ? null : <option value={chosen}>{chosen} (0)</option>}
    </select>
  );
}

interface ViewChoiceProps {
  readonly counts: FleetCounts;
  readonly view: FleetView;
  readonly complete: boolean;
}

function ViewChoice({ counts, view, complete }: ViewChoiceProps) {
  const numbers: Record<FleetView, number> = {
    all: counts.total,
    online: counts.online,
    offline: counts.total - counts.online,
    serving: counts.serving,
    failing: counts.failing,
  };
  return (
    <fieldset class="choice" aria-label="Which devices" aria-busy={!complete}>
      {FLEET_VIEWS.map((each) => (
        <button
          key={each}
          type="button"
          aria-pressed={view === each}
          class={each === "failing" && numbers.failing > 0 ? "choice-bad" : ""}
          onClick={() => replaceQuery({ show: each === "all" ? null : each })}
        >
          <b data-count={each}>{formatCount(numbers[each])}</b> {each}
        </button>
      ))}
    </fieldset>
  );
}

function NoDevices() {
  return (
    <EmptyState title="No device is enrolled yet">
      <p>
        <code>npm start</code> enrols this machine by itself and shows it here within a minute;{" "}
        <code>npm start -- --devices 5</code> adds five emulated devices.
      </p>
      <p>
        For another machine, press <b>Add a device</b>: it makes a one-time token and shows the command to run there.
        The device appears here without a reload.
      </p>
    </EmptyState>
  );
}
