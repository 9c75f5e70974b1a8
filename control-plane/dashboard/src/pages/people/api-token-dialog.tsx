import type { ApiScope, ApiTokenReply, Role } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { useAction, useConnection } from "../../api/index.js";
import { Check, FormDialog, NumberField, Select, TextField } from "../../components/index.js";
import { parseGroups, ScopeField } from "../groups/index.js";
import { SCOPES } from "./api-token-state.js";
import { ROLE_OPTIONS } from "./role-words.js";

/** Properties of an {@link ApiTokenDialog}. */
export interface ApiTokenDialogProps {
  readonly onDone: (reply: ApiTokenReply) => void;
  readonly onClose: () => void;
}

/** Makes an API token. */
export function ApiTokenDialog({ onDone, onClose }: ApiTokenDialogProps) {
  const { client } = useConnection();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [days, setDays] = useState("90");
  const [scopes, setScopes] = useState<ReadonlySet<ApiScope>>(new Set());
  const [groups, setGroups] = useState("");
  const named = parseGroups(groups);
  const make = useAction(
    (_: null, signal) =>
      client.people.createApiToken(
        {
          name: name.trim(),
          role,
          lifetimeDays: Number(days),
          ...(named === null ? {} : { groups: named }),
          ...(scopes.size === 0 ? {} : { scopes: SCOPES.filter((scope) => scopes.has(scope)) }),
        },
        signal,
      ),
    onDone,
  );
  const tick = (scope: ApiScope, on: boolean) =>
    setScopes((old) => {
      const next = new Set(old);
      on ? next.add(scope) : next.delete(scope);
      return next;
    });
  return (
    <FormDialog
      title="Make an API token"
      submit="Make it"
      busy={make.busy}
      error={make.error}
      failed="The token was not made"
      onSubmit={() => make.run(null)}
      onClose={onClose}
    >
      <TextField
        label="Name"
        hint="Which program has it, so that people know what they revoke."
        value={name}
        maximumLength={128}
        required
        onChange={setName}
      />
      <Select label="Role" value={role} options={ROLE_OPTIONS} onChange={setRole} />
      <NumberField
        label="Lifetime"
        unit="days"
        minimum={1}
        maximum={366}
        step={1}
        required
        value={days}
        onChange={setDays}
      />
      <ScopeField of="the program" value={groups} onChange={setGroups} />
      <fieldset class="choices">
        <legend>Only for</legend>
        <div class="check-row">
          {SCOPES.map((scope) => (
            <Check key={scope} label={scope} checked={scopes.has(scope)} onChange={(on) => tick(scope, on)} />
          ))}
        </div>
        <span class="muted small">
          Without any tick: everything that the role may. A token with ticks cannot watch the live connection, which
          shows everything.
        </span>
      </fieldset>
    </FormDialog>
  );
}
