import { useState } from "preact/hooks";
import { useAction, useConnection, useResource, useWho } from "../../api/index.js";
import { Badge, ConfirmDialog, ErrorNote, Loading, Panel } from "../../components/index.js";

/** The token of the state folder: an admin for whoever can read it, until it is disabled. */
export function OperatorTokenPart() {
  const { client } = useConnection();
  const state = useResource("operator token", (signal) => client.people.operatorToken(signal));
  const who = useWho();
  const [asking, setAsking] = useState(false);
  const change = useAction(
    (enabled: boolean, signal) => client.people.setOperatorToken(enabled, signal),
    () => state.reload(),
  );
  const enabled = state.value?.enabled ?? null;
  // The control plane wants to see that somebody else can come in.
  const why = enabled && who !== null && who.kind !== "user" ? "Log in as an admin with a name to disable it." : null;
  return (
    <Panel
      title="Operator token"
      aside={
        enabled === null ? null : <Badge tone={enabled ? "warn" : "good"}>{enabled ? "counts" : "disabled"}</Badge>
      }
    >
      {state.error === null ? null : <ErrorNote error={state.error} title="Whether it counts cannot be read" />}
      {enabled === null && state.error === null ? <Loading what="the operator token" rows={1} /> : null}
      <p>
        Whoever can read the file <code>operator-token</code> in the state folder is an admin, without a name. Disable
        it once an admin can log in.
      </p>
      {change.error === null ? null : <ErrorNote error={change.error} title="It was not changed" />}
      {enabled === null ? null : (
        <div class="button-row">
          <button
            type="button"
            class={enabled ? "danger" : ""}
            disabled={change.busy || why !== null}
            onClick={() => (enabled ? setAsking(true) : change.run(true))}
          >
            {enabled ? "Disable the operator token" : "Enable the operator token"}
          </button>
          {why === null ? null : <span class="muted small">{why}</span>}
        </div>
      )}
      {asking ? (
        <ConfirmDialog
          title="Disable the operator token?"
          confirm="Disable it"
          keep="Keep it"
          onConfirm={() => change.run(false)}
          onClose={() => setAsking(false)}
        >
          <p>
            Scripts and commands that use it stop working at once. Locked out all the same? Start the control plane once
            with <code>SARTOR_OPERATOR_TOKEN_ALWAYS=true</code>.
          </p>
        </ConfirmDialog>
      ) : null}
    </Panel>
  );
}
