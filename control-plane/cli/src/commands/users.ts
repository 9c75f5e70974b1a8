import {
  operatorTokenStateSchema,
  ROLES,
  type UserChange,
  type UserView,
  userListSchema,
  userViewSchema,
} from "@sartor/shared/protocol";
import { Argument, type Command } from "commander";
import { askNewPassword } from "./ask-secret.js";
import { connect } from "./connect.js";
import { printTable } from "./table.js";

const HEADING = ["USER", "ROLE", "GROUPS", "LOGS IN BY", "STATE", "SESSIONS", "LAST LOGIN"];

/** `sartor users list | add | role | groups | password | disable | enable | log-out | remove | operator-token`. */
export function addUserCommands(program: Command): void {
  const users = program.command("users").description("Who may log in, and what they may do.");
  const role = () => new Argument("<role>", "what the user may do").choices(ROLES);
  const change = async (userName: string, body: UserChange) => {
    printTable([HEADING, row(await connect(program).patch(pathOf(userName), body, userViewSchema))]);
  };
  users
    .command("list")
    .description("Lists all users.")
    .action(async () => {
      const { items } = await connect(program).get("/api/v1/users", userListSchema);
      printTable([HEADING, ...items.map(row)]);
    });
  users
    .command("add <userName>")
    .addArgument(role())
    .description("Adds a user; asks for the password, or takes SARTOR_PASSWORD.")
    .option("--group <group...>", "only for the devices of these groups; for all by default")
    .action(async (userName: string, chosen: string, { group }: { group?: string[] }) => {
      const body = { userName, role: chosen, groups: group ?? null, password: await askNewPassword(userName) };
      printTable([HEADING, row(await connect(program).post("/api/v1/users", body, userViewSchema))]);
    });
  users
    .command("role <userName>")
    .addArgument(role())
    .description("Changes what a user may do.")
    .action((userName: string, chosen: NonNullable<UserChange["role"]>) => change(userName, { role: chosen }));
  users
    .command("groups <userName> [group...]")
    .description("Says which groups of devices a user's role is for: these, or with --all all of them.")
    .option("--all", "all groups, those to come among them")
    .action(async (userName: string, groups: string[], { all }: { all?: boolean }, command: Command) => {
      if ((all === true) === groups.length > 0) command.error("error: name groups, or say --all");
      await change(userName, { groups: all === true ? null : groups });
    });
  users
    .command("password <userName>")
    .description("Gives a user a new password; all of the user's sessions end.")
    .action(async (userName: string) => change(userName, { password: await askNewPassword(userName) }));
  users
    .command("disable <userName>")
    .description("Lets a user log in no more; all sessions and API tokens of the user end to count at once.")
    .action((userName: string) => change(userName, { disabled: true }));
  users
    .command("enable <userName>")
    .description("Lets a user log in again.")
    .action((userName: string) => change(userName, { disabled: false }));
  users
    .command("log-out <userName>")
    .description("Ends all sessions of a user at once.")
    .action(async (userName: string) => {
      await connect(program).delete(`${pathOf(userName)}/sessions`);
      process.stdout.write(`all sessions of ${userName} ended\n`);
    });
  users
    .command("remove <userName>")
    .description("Removes a user with all sessions and API tokens.")
    .action(async (userName: string) => {
      await connect(program).delete(pathOf(userName));
      process.stdout.write(`${userName} was removed\n`);
    });
  users
    .command("operator-token")
    .addArgument(new Argument("[state]", "what it shall be").choices(["enable", "disable"]))
    .description(
      "Says whether the operator token of the state folder counts, or changes that; to disable it, log in as an admin.",
    )
    .action(async (state: "enable" | "disable" | undefined) => {
      const client = connect(program);
      const path = "/api/v1/operator-token";
      const { enabled } =
        state === undefined
          ? await client.get(path, operatorTokenStateSchema)
          : await client.put(path, { enabled: state === "enable" }, operatorTokenStateSchema);
      process.stdout.write(`the operator token is ${enabled ? "enabled" : "disabled"}\n`);
    });
}

function pathOf(userName: string): string {
  return `/api/v1/users/${encodeURIComponent(userName)}`;
}

function row(user: UserView): string[] {
  const last = user.lastLoginAt === null ? "-" : new Date(user.lastLoginAt).toISOString();
  const by = user.login === "oidc" ? "identity provider" : "password";
  return [
    user.userName,
    user.role,
    user.groups?.join(" ") ?? "all",
    by,
    user.disabled ? "disabled" : "enabled",
    String(user.sessions),
    last,
  ];
}
