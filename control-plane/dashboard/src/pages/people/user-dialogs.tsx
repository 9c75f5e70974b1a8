import type { Role, UserView } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { useAction, useConnection } from "../../api/index.js";
import { FormDialog, PasswordField, Select, TextField } from "../../components/index.js";
import { parseGroups, ScopeField } from "../groups/index.js";
import { PASSWORD_HINT, ROLE_OPTIONS } from "./role-words.js";

/** What can be done to a user. */
export type UserDeed = "role" | "groups" | "password" | "disable" | "enable" | "log-out" | "remove";

interface DoneProps {
  /** Told what was done, in a sentence. */
  readonly onDone: (sentence: string) => void;
  readonly onClose: () => void;
}

/** Adds a user who logs in with a password. */
export function AddUserDialog({ onDone, onClose }: DoneProps) {
  const { client } = useConnection();
  const [userName, setUserName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [groups, setGroups] = useState("");
  const [password, setPassword] = useState("");
  const add = useAction(
    (_: null, signal) =>
      client.people.addUser({ userName: userName.trim(), role, password, groups: parseGroups(groups) }, signal),
    (user) => onDone(`${user.userName} was added as ${user.role}.`),
  );
  return (
    <FormDialog
      title="Add a user"
      submit="Add"
      busy={add.busy}
      error={add.error}
      failed="The user was not added"
      onSubmit={() => add.run(null)}
      onClose={onClose}
    >
      <TextField
        label="Name"
        hint="1 to 63 of a-z, 0-9 and . _ @ -"
        value={userName}
        maximumLength={63}
        required
        onChange={setUserName}
      />
      <Select label="Role" value={role} options={ROLE_OPTIONS} onChange={setRole} />
      <ScopeField of="the user" value={groups} onChange={setGroups} />
      <PasswordField
        label="First password"
        hint={`${PASSWORD_HINT} Tell it by a safe way; it can be changed under the own name.`}
        value={password}
        kind="new-password"
        onChange={setPassword}
      />
    </FormDialog>
  );
}

interface UserDialogProps extends DoneProps {
  readonly deed: UserDeed;
  readonly user: UserView;
}

interface DeedText {
  readonly title: string;
  readonly submit: string;
  readonly text: string;
  readonly done: string;
}

function textOf(deed: UserDeed, name: string): DeedText {
  switch (deed) {
    case "role":
      return {
        title: `Role of ${name}`,
        submit: "Change",
        text: "It counts from now on.",
        done: "has another role now",
      };
    case "groups":
      return {
        title: `Groups of ${name}`,
        submit: "Change",
        text: "It counts from now on; open pages begin anew.",
        done: "is for other groups now",
      };
    case "password":
      return {
        title: `New password for ${name}`,
        submit: "Set it",
        text: `All sessions of ${name} end.`,
        done: "has a new password",
      };
    case "disable":
      return {
        title: `Disable ${name}?`,
        submit: "Disable",
        text: `All sessions of ${name} end, and API tokens that ${name} made stop working until the user is enabled again.`,
        done: "is disabled",
      };
    case "enable":
      return { title: `Enable ${name}?`, submit: "Enable", text: `${name} can log in again.`, done: "is enabled" };
    case "log-out":
      return {
        title: `Log ${name} out?`,
        submit: "End all sessions",
        text: "Every browser and command that is logged in by this name has to log in again.",
        done: "is logged out everywhere",
      };
    case "remove":
      return {
        title: `Remove ${name}?`,
        submit: "Remove",
        text: `All sessions of ${name} end, and API tokens that ${name} made are gone. What ${name} did stays in the audit log.`,
        done: "was removed",
      };
  }
}

/** Asks for what a deed needs, does it, and says so. */
export function UserDialog({ deed, user, onDone, onClose }: UserDialogProps) {
  const { client } = useConnection();
  const { userName } = user;
  const [role, setRole] = useState<Role>(user.role);
  const [groups, setGroups] = useState(user.groups?.join(" ") ?? "");
  const [password, setPassword] = useState("");
  const { title, submit, text, done } = textOf(deed, userName);
  const action = useAction(
    async (_: null, signal): Promise<unknown> => {
      const { people } = client;
      switch (deed) {
        case "role":
          return people.changeUser(userName, { role }, signal);
        case "groups":
          return people.changeUser(userName, { groups: parseGroups(groups) }, signal);
        case "password":
          return people.changeUser(userName, { password }, signal);
        case "disable":
        case "enable":
          return people.changeUser(userName, { disabled: deed === "disable" }, signal);
        case "log-out":
          return people.endSessions(userName, signal);
        case "remove":
          return people.removeUser(userName, signal);
      }
    },
    () => onDone(`${userName} ${done}.`),
  );
  return (
    <FormDialog
      title={title}
      submit={submit}
      busy={action.busy}
      error={action.error}
      failed="It was not done"
      onSubmit={() => action.run(null)}
      onClose={onClose}
    >
      {deed === "role" ? <Select label="Role" value={role} options={ROLE_OPTIONS} onChange={setRole} /> : null}
      {deed === "groups" ? <ScopeField of={userName} value={groups} onChange={setGroups} /> : null}
      {deed === "password" ? (
        <PasswordField
          label="New password"
          hint={PASSWORD_HINT}
          value={password}
          kind="new-password"
          onChange={setPassword}
        />
      ) : null}
      <p>{text}</p>
    </FormDialog>
  );
}
