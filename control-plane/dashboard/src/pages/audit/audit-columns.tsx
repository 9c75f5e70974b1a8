import type { AuditEntry } from "@sartor/shared/protocol";
import { actionOf } from "../../api/index.js";
import { Ago, Badge, type DataColumn } from "../../components/index.js";
import { formatMoment, UNKNOWN } from "../../format/index.js";
import { devicePath, Link, rolloutPath } from "../../router/index.js";
import { actionWords, actorWords } from "./audit-words.js";

/** Columns of the audit log. */
export const AUDIT_COLUMNS: readonly DataColumn<AuditEntry>[] = [
  {
    header: "When",
    render: ({ at, sequence }) => (
      <span class="two-lines">
        <span class="nowrap">{formatMoment(at)}</span>
        <span class="second">
          entry {sequence} · <Ago at={at} />
        </span>
      </span>
    ),
  },
  {
    header: "Who",
    render: ({ actor, address }) => {
      const { name, what } = actorWords(actor);
      return (
        <span class="two-lines">
          <b>{name}</b>
          <span class="second">{[what, address].filter(Boolean).join(" · ")}</span>
        </span>
      );
    },
  },
  {
    header: "What",
    render: ({ action }) => {
      const known = actionWords(action);
      return known === null ? (
        <code class="wrap">{action}</code>
      ) : (
        <span class="two-lines">
          <span>{known}</span>
          <span class="second">
            <code class="wrap">{action}</code>
          </span>
        </span>
      );
    },
  },
  { header: "Target", hint: "What it was done to", render: ({ target }) => <Target target={target} /> },
  { header: "Outcome", render: (entry) => <Outcome entry={entry} /> },
];

function Target({ target }: Pick<AuditEntry, "target">) {
  const named = Object.entries(target);
  if (named.length === 0) return <span class="unknown">{UNKNOWN}</span>;
  return (
    <ul class="targets">
      {named.map(([name, value]) => (
        <li key={name}>
          <span class="muted">{name}</span> {linked(name, value)}
        </li>
      ))}
    </ul>
  );
}

function linked(name: string, value: string) {
  if (name === "deviceId" || name === "replaces") return <Link to={devicePath(value)}>{value}</Link>;
  return name === "rolloutId" ? <Link to={rolloutPath(value)}>{value}</Link> : value;
}

function Outcome({ entry: { outcome, status } }: { readonly entry: AuditEntry }) {
  if (outcome === "ok") return <Badge tone="good">done</Badge>;
  return (
    <span class="two-lines" title={actionOf(outcome)}>
      <Badge tone="bad">{status === 401 || status === 403 ? "refused" : "failed"}</Badge>
      <span class="second">
        <code class="wrap">{outcome}</code>
        {status === null ? "" : ` (${status})`}
      </span>
    </span>
  );
}
