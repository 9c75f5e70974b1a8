import type { RolloutSummary } from "@sartor/shared/protocol";
import { Allowed, useConnection, useLiveList } from "../api/index.js";
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
import { formatCount, formatLongDuration } from "../format/index.js";
import { Link, navigate, newRolloutPath, replaceQuery, rolloutPath } from "../router/index.js";
import { keepSorting, sortingOf } from "./query-sorting.js";
import { filterOrigin, originViewOf, statusParts } from "./rollout-status.js";
import { TuningMark } from "./tuning-mark.js";
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
          {rollout.origin === "tuning" ? <TuningMark /> : null}
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
  const rollouts = useLiveList<RolloutSummary>("rollouts", {
    keyOf,
    isEnded: ({ status }) => status !== "running",
    load: (signal) => client.rollouts(signal),
    pick: (event) => (event.type === "rollout" ? event.rollout : undefined),
  });
  const all = rollouts.items ?? [];
  const tuned = all.filter(({ origin }) => origin === "tuning").length;
  const view = originViewOf(query.get("show"), tuned);
  const rows = filterOrigin(all, view);

  return (
    <div class="page page-table">
      <div class="page-head">
        <h1>Rollouts</h1>
        {tuned === 0 ? null : (
          <fieldset class="choice" aria-label="Which rollouts">
            <button type="button" aria-pressed={view === "all"} onClick={() => replaceQuery({ show: "all" })}>
              <b>{formatCount(all.length)}</b> all
            </button>
            <button type="button" aria-pressed={view === "asked"} onClick={() => replaceQuery({ show: "asked" })}>
              <b>{formatCount(all.length - tuned)}</b> without tunings
            </button>
          </fieldset>
        )}
        <Allowed to="operator">
          <Link to={newRolloutPath()} class="button primary head-action">
            New rollout
          </Link>
        </Allowed>
      </div>
      {rollouts.error === null ? null : (
        <ErrorNote error={rollouts.error} title="The list of rollouts cannot be read" />
      )}
      {rollouts.items === null && rollouts.error === null ? <Loading what="rollouts" rows={6} /> : null}
      {rollouts.items !== null && all.length === 0 ? (
        <EmptyState title="Nothing was rolled out yet">
          <p>
            A rollout brings a model version to devices, each in the variant that fits it. <code>npm start</code> does
            so for the road-sign model.
          </p>
        </EmptyState>
      ) : null}
      {all.length > 0 && rows.length === 0 ? <EmptyState title="Every rollout was made by a tuning" /> : null}
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
