import type { RolloutSummary } from "@sartor/shared/protocol";
import { useMemo, useState } from "preact/hooks";
import { useConnection, useLiveEvents, useResource } from "../api/index.js";
import {
  Ago,
  type Column,
  EmptyState,
  ErrorNote,
  Loading,
  StackedBar,
  StatusBadge,
  VirtualTable,
} from "../components/index.js";
import { formatLongDuration } from "../format/index.js";
import { Link, navigate, rolloutPath } from "../router/index.js";
import { keepSorting, sortingOf } from "./query-sorting.js";
import { statusParts } from "./rollout-status.js";
import { useTitle } from "./use-title.js";

const keyOf = (rollout: RolloutSummary) => rollout.rolloutId;
const open = (rollout: RolloutSummary) => navigate(rolloutPath(rollout.rolloutId));

const COLUMNS: readonly Column<RolloutSummary>[] = [
  {
    id: "name",
    header: "Rollout",
    width: 26,
    priority: 1,
    sortValue: (rollout) => rollout.name,
    render: (rollout) => (
      <span class="two-lines">
        <span class="row-title">
          <Link to={rolloutPath(rollout.rolloutId)}>{rollout.name}</Link>
        </span>
        <span class="second">{rollout.rolloutId}</span>
      </span>
    ),
  },
  {
    id: "model",
    header: "Model",
    width: 18,
    priority: 2,
    sortValue: (rollout) => `${rollout.model} ${rollout.version}`,
    render: (rollout) => (
      <span class="two-lines">
        <span class="cut">{rollout.model}</span>
        <span class="second">{rollout.version}</span>
      </span>
    ),
  },
  {
    id: "status",
    header: "Status",
    width: 13,
    priority: 1,
    sortValue: (rollout) => rollout.status,
    render: (rollout) => <StatusBadge status={rollout.status} />,
  },
  {
    id: "devices",
    header: "Devices",
    width: 44,
    priority: 2,
    sortValue: (rollout) => Object.values(rollout.counts).reduce((sum, count) => sum + count, 0),
    render: (rollout) => <StackedBar label={`Devices of ${rollout.name}`} parts={statusParts(rollout.counts)} />,
  },
  {
    id: "created",
    header: "Started",
    numeric: true,
    width: 13,
    priority: 1,
    sortValue: (rollout) => rollout.createdAt,
    render: (rollout) => <Ago at={rollout.createdAt} />,
  },
  {
    id: "took",
    header: "Took",
    numeric: true,
    width: 13,
    priority: 3,
    sortValue: (rollout) => (rollout.finishedAt === null ? null : rollout.finishedAt - rollout.createdAt),
    render: (rollout) =>
      formatLongDuration(rollout.finishedAt === null ? null : rollout.finishedAt - rollout.createdAt),
  },
];

/** All rollouts, live. */
export function RolloutsPage({ query }: { readonly query: URLSearchParams }) {
  useTitle("Rollouts");
  const { client } = useConnection();
  const read = useResource("rollouts", (signal) => client.rollouts(signal));
  const [changed, setChanged] = useState<ReadonlyMap<string, RolloutSummary>>(new Map());
  useLiveEvents((event) => {
    if (event.type === "rollout") setChanged((old) => new Map(old).set(event.rollout.rolloutId, event.rollout));
  });
  const rows = useMemo(() => {
    const merged = new Map((read.value ?? []).map((rollout) => [rollout.rolloutId, rollout]));
    for (const rollout of changed.values()) {
      if (merged.get(rollout.rolloutId)?.status !== "running" && rollout.status === "running") {
        if (merged.has(rollout.rolloutId)) continue;
      }
      merged.set(rollout.rolloutId, rollout);
    }
    return [...merged.values()];
  }, [read.value, changed]);

  return (
    <div class="page page-table">
      <div class="page-head">
        <h1>Rollouts</h1>
      </div>
      {read.error === null ? null : <ErrorNote error={read.error} title="The list of rollouts cannot be read" />}
      {read.value === null && read.error === null ? <Loading what="rollouts" rows={6} /> : null}
      {read.value !== null && rows.length === 0 ? (
        <EmptyState title="Nothing was rolled out yet">
          <p>
            A rollout brings a model version to devices: start one with <code>POST /api/v1/rollouts</code>.{" "}
            <code>npm start</code> does so for the road-sign model.
          </p>
        </EmptyState>
      ) : null}
      {rows.length > 0 ? (
        <VirtualTable
          label="Rollouts"
          columns={COLUMNS}
          rows={rows}
          keyOf={keyOf}
          sorting={sortingOf(query, { column: "created", descending: true })}
          onSort={keepSorting}
          onOpen={open}
        />
      ) : null}
    </div>
  );
}
