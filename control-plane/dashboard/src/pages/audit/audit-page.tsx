import type { AuditEntry } from "@sartor/shared/protocol";
import { useMemo } from "preact/hooks";
import { useAllowed, useForAllGroups } from "../../api/index.js";
import { DataTable, EmptyState, ErrorNote, Loading, Panel, RolePage, Select } from "../../components/index.js";
import { formatCount, plural } from "../../format/index.js";
import { replaceQuery } from "../../router/index.js";
import { useTitle } from "../use-title.js";
import { AUDIT_COLUMNS } from "./audit-columns.js";
import { AUDIT_BY, AUDIT_OUTCOMES, type AuditFilter, filterAudit, filterOf } from "./audit-log.js";
import { useAuditLog } from "./use-audit-log.js";
import { Verification } from "./verification.js";

const keyOf = ({ sequence }: AuditEntry) => String(sequence);

/** Who did what, the newest first. */
export function AuditPage({ query }: { readonly query: URLSearchParams }) {
  useTitle("Audit log");
  const isAdmin = useAllowed("admin");
  const allowed = useForAllGroups() && isAdmin;
  return (
    <div class="page">
      <div class="page-head">
        <h1>Audit log</h1>
        <span class="muted">Everything that somebody changed here, or tried to.</span>
      </div>
      {allowed ? <AuditBody filter={filterOf(query)} /> : <RolePage needed="admin" what="The audit log" />}
    </div>
  );
}

function AuditBody({ filter }: { readonly filter: AuditFilter }) {
  const { log, error, older } = useAuditLog();
  const { search, by, outcome } = filter;
  const rows = useMemo(() => filterAudit(log?.entries ?? [], { search, by, outcome }), [log, search, by, outcome]);
  const read = log?.entries.length ?? 0;
  const cursor = log?.cursor ?? null;
  return (
    <>
      <Verification />
      <Panel title="Entries" aside={<Filter filter={filter} />}>
        {error === null ? null : <ErrorNote error={error} title="The log cannot be read" />}
        {log === null && error === null ? <Loading what="the log" rows={8} /> : null}
        {log !== null && read === 0 ? <EmptyState title="Nothing was written down yet" /> : null}
        {read > 0 ? (
          <p class="muted small" role="status">
            {rows.length === read
              ? `The newest ${formatCount(read)} entries`
              : `${plural(rows.length, "entry fits", "entries fit")}, of the newest ${formatCount(read)}`}
            {cursor === null ? ", which are all." : "; older ones are not looked at before they are read."}
          </p>
        ) : null}
        {rows.length > 0 ? (
          <DataTable label="Audit log, newest first" columns={AUDIT_COLUMNS} rows={rows} keyOf={keyOf} />
        ) : null}
        {read > 0 && rows.length === 0 ? <EmptyState title="No entry that was read fits the filter" /> : null}
        {older.error === null ? null : <ErrorNote error={older.error} title="Older entries cannot be read" />}
        {cursor === null ? null : (
          <div class="button-row centred">
            <button type="button" disabled={older.busy} onClick={() => older.run(cursor)}>
              Read older entries
            </button>
          </div>
        )}
      </Panel>
    </>
  );
}

function Filter({ filter }: { readonly filter: AuditFilter }) {
  return (
    <div class="filters">
      <Select
        label="By"
        value={filter.by}
        options={AUDIT_BY}
        onChange={(by) => replaceQuery({ by: by === "all" ? null : by })}
      />
      <Select
        label="Outcome"
        value={filter.outcome}
        options={AUDIT_OUTCOMES}
        onChange={(outcome) => replaceQuery({ outcome: outcome === "all" ? null : outcome })}
      />
      <input
        type="search"
        class="search"
        aria-label="Filter entries"
        placeholder="Filter by name, device, action, code…"
        value={filter.search}
        onInput={(event) => replaceQuery({ search: event.currentTarget.value })}
      />
    </div>
  );
}
