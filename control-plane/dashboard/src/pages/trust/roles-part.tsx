import type { TrustRoleView } from "@sartor/shared/protocol";
import { Badge, type DataColumn, DataTable, Panel, Until } from "../../components/index.js";
import { formatMoment } from "../../format/index.js";
import { rolePurpose, STATE_TONES, shortKey, sortRoles } from "./trust-words.js";

const keyOf = ({ repository, role }: TrustRoleView) => `${repository} ${role}`;

const COLUMNS: readonly DataColumn<TrustRoleView>[] = [
  {
    header: "Role",
    render: (role) => (
      <span class="two-lines">
        <b>{keyOf(role)}</b>
        <span class="second">{rolePurpose(role)}</span>
      </span>
    ),
  },
  {
    header: "State",
    render: ({ state }) => <Badge tone={STATE_TONES[state]}>{state}</Badge>,
  },
  {
    header: "Ends",
    hint: "Past its end devices install nothing new; what runs keeps running",
    render: ({ expiresAt }) => (
      <span class="two-lines">
        <Until at={expiresAt} />
        <span class="second">{formatMoment(expiresAt)}</span>
      </span>
    ),
  },
  { header: "Version", numeric: true, render: ({ version }) => String(version) },
  {
    header: "Signed by",
    hint: "How many of which keys have to sign; `sartor keys list` names those whose files you have",
    render: ({ threshold, keys }) => (
      <span class="two-lines">
        <span>
          {threshold} of {keys.length}
        </span>
        <span class="second">
          {keys.map(({ keyId }, index) => (
            <span key={keyId}>
              {index === 0 ? "" : ", "}
              <code title={keyId}>{shortKey(keyId)}</code>
            </span>
          ))}
        </span>
      </span>
    ),
  },
];

/** Every role of both repositories with its end and state. */
export function RolesPart({ roles }: { readonly roles: readonly TrustRoleView[] }) {
  return (
    <Panel title="Roles">
      <DataTable label="Roles" columns={COLUMNS} rows={sortRoles(roles)} keyOf={keyOf} />
    </Panel>
  );
}
