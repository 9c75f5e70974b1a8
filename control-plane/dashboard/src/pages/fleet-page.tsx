import type { DeviceSummary } from "@sartor/shared/protocol";
import { useMemo } from "preact/hooks";
import { Allowed, countFleet, type FleetCounts, useFleet } from "../api/index.js";
import { EmptyState, ErrorNote, Loading, VirtualTable } from "../components/index.js";
import { formatCount } from "../format/index.js";
import { devicePath, navigate, replaceQuery } from "../router/index.js";
import { EnrolDevice, WaitingLink } from "./enrolment/index.js";
import { FLEET_COLUMNS } from "./fleet-columns.js";
import { FLEET_VIEWS, type FleetView, filterFleet, fleetViewOf } from "./fleet-filter.js";
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
  const rows = useMemo(() => filterFleet(fleet.devices, view, search), [fleet.devices, view, search]);
  const counts = useMemo(() => countFleet(fleet.devices), [fleet.devices]);
  const hasDevices = fleet.devices.length > 0;

  return (
    <div class="page page-table">
      <div class="page-head">
        <h1>Fleet</h1>
        <ViewChoice counts={counts} view={view} complete={fleet.complete} />
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
          <button type="button" onClick={() => replaceQuery({ search: null, show: null })}>
            Show all {formatCount(counts.total)}
          </button>
        </EmptyState>
      ) : null}
      {rows.length > 0 ? (
        <VirtualTable
          label="Devices"
          columns={FLEET_COLUMNS}
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
