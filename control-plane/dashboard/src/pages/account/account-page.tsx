import type { Who } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { useAction, useConnection, useWho } from "../../api/index.js";
import { ConfirmDialog, EmptyState, ErrorNote, Facts, Panel, PasswordField, Until } from "../../components/index.js";
import { formatMoment } from "../../format/index.js";
import { scopeWords } from "../groups/index.js";
import { useTitle } from "../use-title.js";

const KINDS: Readonly<Record<Who["kind"], string>> = {
  user: "a user",
  api_token: "an API token",
  operator_token: "the operator token of the state folder",
};

/** Who one is, the own password, and the end of sessions. */
export function AccountPage({ onSignOut }: { readonly onSignOut: () => void }) {
  useTitle("My account");
  const who = useWho();
  return (
    <div class="page">
      <div class="page-head">
        <h1>My account</h1>
      </div>
      {who === null ? (
        <EmptyState title="Who you are could not be asked">
          <p>The control plane did not answer when this page opened. Load the page again.</p>
        </EmptyState>
      ) : (
        <div class="card-columns">
          <Panel title="Who you are">
            <Facts
              facts={[
                ["Name", who.name],
                ["Role", who.role],
                ["Devices of", scopeWords(who.groups)],
                ["Signed in as", KINDS[who.kind]],
                ["Limited to", who.scopes?.join(", ")],
              ]}
            />
          </Panel>
          <Sessions who={who} onSignOut={onSignOut} />
          <Password who={who} />
        </div>
      )}
    </div>
  );
}

function Sessions({ who, onSignOut }: { readonly who: Who; readonly onSignOut: () => void }) {
  const { client } = useConnection();
  const [asking, setAsking] = useState(false);
  const end = useAction((userName: string, signal) => client.people.endSessions(userName, signal), onSignOut);
  const mayEndAll = who.kind === "user" && who.role === "admin" && who.groups === null;
  return (
    <Panel title="Sessions">
      {who.expiresAt === null ? (
        <p>What you are signed in with does not end by itself; signing out makes this tab forget it.</p>
      ) : (
        <p>
          This session ends <Until at={who.expiresAt} /> ({formatMoment(who.expiresAt)}), and earlier when it is not
          used.
        </p>
      )}
      {who.kind === "user" ? (
        <p class="muted small">
          {mayEndAll
            ? "The control plane does not list sessions one by one; all can be ended together."
            : "The control plane does not list sessions one by one. A new password ends all others; an admin can end all of them."}
        </p>
      ) : null}
      {end.error === null ? null : <ErrorNote error={end.error} title="The sessions were not ended" />}
      <div class="button-row">
        <button type="button" onClick={onSignOut}>
          End this session
        </button>
        {mayEndAll ? (
          <button type="button" class="danger" disabled={end.busy} onClick={() => setAsking(true)}>
            End all my sessions
          </button>
        ) : null}
      </div>
      {asking ? (
        <ConfirmDialog
          title="End all your sessions?"
          confirm="End them all"
          keep="Keep them"
          onConfirm={() => end.run(who.name)}
          onClose={() => setAsking(false)}
        >
          <p>Every browser and command that is logged in as {who.name} has to log in again, this one too.</p>
        </ConfirmDialog>
      ) : null}
    </Panel>
  );
}

function Password({ who }: { readonly who: Who }) {
  const { client } = useConnection();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const [done, setDone] = useState(false);
  const change = useAction(
    (_: null, signal) => client.people.changePassword({ current, next }, signal),
    () => {
      setCurrent("");
      setNext("");
      setAgain("");
      setDone(true);
    },
  );
  if (who.kind !== "user") {
    return (
      <Panel title="Password">
        <p class="muted">Only a user has a password; you are signed in with {KINDS[who.kind]}.</p>
      </Panel>
    );
  }
  const differs = again !== "" && again !== next;
  return (
    <Panel title="Password">
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          setDone(false);
          if (next === again) change.run(null);
        }}
      >
        <input type="hidden" name="username" autocomplete="username" value={who.name} />
        <PasswordField label="Present password" value={current} kind="current-password" onChange={setCurrent} />
        <PasswordField
          label="New password"
          hint="12 characters or more, and not what everybody tries first. Your other sessions end."
          value={next}
          kind="new-password"
          onChange={setNext}
        />
        <PasswordField label="New password again" value={again} kind="new-password" onChange={setAgain} />
        {differs ? (
          <p class="bad-text" role="alert">
            The two new passwords differ.
          </p>
        ) : null}
        {change.error === null ? null : <ErrorNote error={change.error} title="The password was not changed" />}
        <p class="good-text" role="status">
          {done ? "The password was changed; your other sessions have ended." : ""}
        </p>
        <div class="form-actions">
          <button type="submit" class="primary" disabled={change.busy || differs}>
            Change password
          </button>
        </div>
      </form>
    </Panel>
  );
}
