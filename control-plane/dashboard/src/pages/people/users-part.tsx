import type { UserView } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { useConnection, useListChanges, useResource, useWho } from "../../api/index.js";
import {
  Ago,
  Badge,
  type DataColumn,
  DataTable,
  EmptyState,
  ErrorNote,
  Loading,
  Panel,
} from "../../components/index.js";
import { formatCount } from "../../format/index.js";
import { scopeWords } from "../groups/index.js";
import { AddUserDialog, type UserDeed, UserDialog } from "./user-dialogs.js";

const keyOf = ({ userName }: UserView) => userName;

interface Asked {
  readonly deed: UserDeed;
  readonly user: UserView;
}

/** Who may log in. */
export function UsersPart() {
  const { client } = useConnection();
  const users = useResource("users", (signal) => client.people.users(signal));
  useListChanges(["audit"], users.reload);
  const who = useWho();
  const own = who?.kind === "user" ? who.name : null;
  const [adding, setAdding] = useState(false);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [said, setSaid] = useState("");
  const done = (sentence: string) => {
    setAdding(false);
    setAsked(null);
    setSaid(sentence);
    users.reload();
  };
  return (
    <Panel
      title="Users"
      aside={
        <button type="button" class="primary" onClick={() => setAdding(true)}>
          Add a user
        </button>
      }
    >
      {users.error === null ? null : <ErrorNote error={users.error} title="The users cannot be read" />}
      {users.value === null && users.error === null ? <Loading what="users" rows={3} /> : null}
      <p class="good-text" role="status">
        {said}
      </p>
      {users.value?.length === 0 ? (
        <EmptyState title="There are no users yet">
          <p>
            Everybody who has the operator token is an admin. Add users, so that the log says who did what, and disable
            the operator token.
          </p>
        </EmptyState>
      ) : null}
      {users.value === null || users.value.length === 0 ? null : (
        <DataTable
          label="Users"
          columns={columnsOf(own, (deed, user) => setAsked({ deed, user }))}
          rows={users.value}
          keyOf={keyOf}
        />
      )}
      {adding ? <AddUserDialog onDone={done} onClose={() => setAdding(false)} /> : null}
      {asked === null ? null : (
        <UserDialog
          key={`${asked.deed} ${asked.user.userName}`}
          deed={asked.deed}
          user={asked.user}
          onDone={done}
          onClose={() => setAsked(null)}
        />
      )}
    </Panel>
  );
}

function columnsOf(own: string | null, ask: (deed: UserDeed, user: UserView) => void): DataColumn<UserView>[] {
  return [
    {
      header: "Name",
      render: ({ userName, login }) => (
        <span class="two-lines">
          <span>
            <b>{userName}</b>
            {userName === own ? <span class="muted"> (you)</span> : null}
          </span>
          <span class="second">{login === "oidc" ? "by the identity provider" : "by password"}</span>
        </span>
      ),
    },
    {
      header: "Role",
      render: ({ role, groups, disabled }) => (
        <span class="two-lines">
          <span>{role}</span>
          <span class="second">{scopeWords(groups)}</span>
          {disabled ? <Badge tone="warn">disabled</Badge> : null}
        </span>
      ),
    },
    { header: "Last login", render: ({ lastLoginAt }) => (lastLoginAt === null ? "never" : <Ago at={lastLoginAt} />) },
    {
      header: "Sessions",
      hint: "Browsers and commands that are logged in",
      numeric: true,
      render: ({ sessions }) => formatCount(sessions),
    },
    {
      header: "Change",
      render: (user) => <Deeds user={user} ask={ask} />,
    },
  ];
}

interface DeedsProps {
  readonly user: UserView;
  readonly ask: (deed: UserDeed, user: UserView) => void;
}

/** What the identity provider says cannot be changed here. */
const BY_PROVIDER = "The identity provider says it at each login";

function Deeds({ user, ask }: DeedsProps) {
  const { userName, login, disabled, sessions } = user;
  const deeds: readonly (readonly [UserDeed, string, string, string | null])[] = [
    ["role", "Role", `Change the role of ${userName}`, login === "oidc" ? BY_PROVIDER : null],
    ["groups", "Groups", `Change the groups of ${userName}`, login === "oidc" ? BY_PROVIDER : null],
    ["password", "Password", `Reset the password of ${userName}`, login === "oidc" ? BY_PROVIDER : null],
    [
      "log-out",
      "Log out",
      `End all sessions of ${userName}`,
      sessions === 0 ? "Nobody is logged in by this name" : null,
    ],
    disabled ? ["enable", "Enable", `Enable ${userName}`, null] : ["disable", "Disable", `Disable ${userName}`, null],
    ["remove", "Remove", `Remove ${userName}`, null],
  ];
  return (
    <span class="button-row">
      {deeds.map(([deed, word, label, why]) => (
        <button
          key={deed}
          type="button"
          class={`small-button ${deed === "remove" ? "danger" : ""}`}
          aria-label={why === null ? label : `${label} (not possible: ${why})`}
          title={why ?? label}
          disabled={why !== null}
          onClick={() => ask(deed, user)}
        >
          {word}
        </button>
      ))}
    </span>
  );
}
