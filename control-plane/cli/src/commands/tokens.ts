import { API_SCOPES, type ApiTokenView, apiTokenListSchema, apiTokenReplySchema, ROLES } from "@sartor/shared/protocol";
import { type Command, Option } from "commander";
import { connect } from "./connect.js";
import { parseWhole } from "./options.js";
import { printTable } from "./table.js";

interface CreateOptions {
  readonly role: string;
  readonly scope?: string[];
  readonly group?: string[];
  readonly days: number;
}

/** `sartor tokens list | create | revoke`. */
export function addTokenCommands(program: Command): void {
  const tokens = program.command("tokens").description("API tokens: credentials of programs.");
  tokens
    .command("list")
    .description("Lists API tokens, the newest first.")
    .action(async () => {
      const { items } = await connect(program).get("/api/v1/api-tokens", apiTokenListSchema);
      printTable([["TOKEN", "NAME", "ROLE", "FOR", "GROUPS", "OWNER", "STATE", "LAST USED"], ...items.map(row)]);
    });
  tokens
    .command("create <name>")
    .description("Makes an API token. It is printed this once.")
    .addOption(new Option("--role <role>", "what it allows").choices(ROLES).default("viewer"))
    .addOption(new Option("--scope <part...>", "only these parts of the interface; all by default").choices(API_SCOPES))
    .option("--group <group...>", "only for the devices of these groups; as far as its owner may by default")
    .option("--days <count>", "how long it holds", parseWhole(1, 366), 90)
    .action(async (name: string, { role, scope, group, days }: CreateOptions) => {
      const body = { name, role, scopes: scope, groups: group, lifetimeDays: days };
      const reply = await connect(program).post("/api/v1/api-tokens", body, apiTokenReplySchema);
      process.stdout.write(`${reply.token}\n`);
      process.stderr.write(`${reply.tokenId}, valid until ${new Date(reply.expiresAt).toISOString()}\n`);
    });
  tokens
    .command("revoke <tokenId>")
    .description("Ends an API token at once.")
    .action(async (tokenId: string) => {
      await connect(program).delete(`/api/v1/api-tokens/${encodeURIComponent(tokenId)}`);
      process.stdout.write(`${tokenId} was revoked\n`);
    });
}

function row(token: ApiTokenView): string[] {
  const { tokenId, name, role, scopes, groups, owner, revokedAt, expiresAt, lastUsedAt } = token;
  const ended = expiresAt <= Date.now() ? "ended" : `until ${new Date(expiresAt).toISOString()}`;
  const used = lastUsedAt === null ? "-" : new Date(lastUsedAt).toISOString();
  const state = revokedAt === null ? ended : "revoked";
  return [tokenId, name, role, scopes?.join(" ") ?? "all", groups?.join(" ") ?? "all", owner ?? "-", state, used];
}
