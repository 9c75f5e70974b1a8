import { loginReplySchema, type Who, whoSchema } from "@sartor/shared/protocol";
import type { Command } from "commander";
import { z } from "zod";
import { ApiClient } from "../api-client.js";
import { type ConnectionOptions, resolveUrl, storedLogin, storeLogin } from "../config/index.js";
import { askNewPassword, askPassword } from "./ask-secret.js";
import { connect } from "./connect.js";

/** `sartor login | logout | whoami | password`. */
export function addLoginCommands(program: Command): void {
  const url = () => resolveUrl(program.opts<ConnectionOptions>());
  program
    .command("login <userName>")
    .description("Logs in with a password; later commands for the same address use the session.")
    .action(async (userName: string) => {
      const password = await askPassword(`Password of ${userName}: `);
      const body = { userName, password, kind: "bearer" };
      const { who, token } = await new ApiClient(url(), undefined).post("/api/v1/session", body, loginReplySchema);
      if (token !== null) storeLogin(url(), { token, expiresAt: who.expiresAt });
      process.stdout.write(`${describe(who)}\n`);
    });
  program
    .command("logout")
    .description("Ends the session of `sartor login`.")
    .action(async () => {
      const token = storedLogin(url());
      storeLogin(url(), undefined);
      if (token !== undefined) await new ApiClient(url(), token).delete("/api/v1/session");
      process.stdout.write(token === undefined ? "nobody was logged in\n" : "logged out\n");
    });
  program
    .command("whoami")
    .description("Says whose credential is used, and what it allows.")
    .action(async () => {
      process.stdout.write(`${describe(await connect(program).get("/api/v1/session", whoSchema))}\n`);
    });
  program
    .command("password")
    .description("Changes the own password; all other sessions end.")
    .action(async () => {
      const client = connect(program);
      const { name } = await client.get("/api/v1/session", whoSchema);
      const body = { current: await askPassword("Present password: "), next: await askNewPassword(name) };
      await client.post("/api/v1/session/password", body, z.unknown());
      process.stdout.write("the password was changed\n");
    });
}

function describe({ kind, name, role, scopes, groups, expiresAt }: Who): string {
  const until = expiresAt === null ? "" : `, until ${new Date(expiresAt).toISOString()}`;
  const parts = scopes === null ? "" : `, for ${scopes.join(" ")}`;
  const devices = groups === null ? "" : `, devices of ${groups.join(" ") || "no group"}`;
  return `${name} (${kind.replaceAll("_", " ")}): ${role}${parts}${devices}${until}`;
}
