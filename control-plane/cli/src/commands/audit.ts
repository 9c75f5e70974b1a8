import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { type AuditBreak, AuditVerifier, auditText } from "@sartor/shared/domain/audit";
import { SartorError } from "@sartor/shared/errors";
import {
  type AuditEntry,
  type AuditHead,
  auditHeadSchema,
  auditPruneReplySchema,
  type ChainedAuditEntry,
  chainedAuditEntrySchema,
  pageOf,
} from "@sartor/shared/protocol";
import { type Command, InvalidArgumentError } from "commander";
import type { ApiClient } from "../api-client.js";
import { connect } from "./connect.js";
import { parseWhole } from "./options.js";
import { printTable } from "./table.js";

const PAGE = 500;
const pageSchema = pageOf(chainedAuditEntrySchema);

interface VerifyOptions {
  readonly file?: string;
  readonly head?: AuditHead[];
}

/** `sartor audit list | verify | head | prune | export`. */
export function addAuditCommands(program: Command): void {
  const audit = program.command("audit").description("Who did what: a log whose entries are chained by hashes.");
  audit
    .command("list")
    .description("Prints the newest entries.")
    .option("--limit <count>", "how many", parseWhole(1, PAGE), 50)
    .action(async ({ limit }: { limit: number }) => {
      const { items } = await connect(program).get(`/api/v1/audit?limit=${limit}`, pageSchema);
      printTable([["ENTRY", "WHEN", "WHO", "FROM", "WHAT", "ON", "OUTCOME"], ...items.map(({ entry }) => row(entry))]);
    });
  audit
    .command("verify")
    .description(
      "Reads the whole log and computes its chain anew, here; ends with 1 and the first entry that does not fit.",
    )
    .option("--file <path>", "verify what `sartor audit export` wrote instead")
    .option("--head <number:hash>", "an end of the chain that was kept (sartor audit head); may be repeated", parseHead)
    .action(async ({ file, head = [] }: VerifyOptions) => {
      const client = file === undefined ? connect(program) : undefined;
      const end = client === undefined ? undefined : await client.get("/api/v1/audit/head", auditHeadSchema);
      const links = client === undefined ? entriesOfFile(file ?? "") : entriesOf(client);
      const verified = await verify(links, end === undefined ? head : [...head, end]);
      process.stdout.write(`every entry up to ${verified.sequence} fits; head ${verified.sequence}:${verified.hash}\n`);
    });
  audit
    .command("head")
    .description("Prints the end of the chain: kept elsewhere, it shows later that nothing was cut off or made anew.")
    .action(async () => {
      const { sequence, hash } = await connect(program).get("/api/v1/audit/head", auditHeadSchema);
      process.stdout.write(`${sequence}:${hash}\n`);
    });
  audit
    .command("prune")
    .description(
      "Removes the oldest entries; an entry says up to which, so that the rest can still be verified. Export first.",
    )
    .requiredOption("--before <day>", "remove what was written before, in UTC; at least 30 days ago", parseMoment)
    .action(async ({ before }: { before: number }) => {
      const { removed } = await connect(program).post("/api/v1/audit/prune", { before }, auditPruneReplySchema);
      process.stdout.write(`${removed} entries were removed\n`);
    });
  audit
    .command("export")
    .description("Prints all entries with their hashes, one JSON a line, the oldest first.")
    .action(async () => {
      for await (const link of entriesOf(connect(program))) process.stdout.write(`${JSON.stringify(link)}\n`);
    });
}

/** A day, or a moment, in UTC. */
function parseMoment(text: string): number {
  const at = /^\d{4}-\d{2}-\d{2}(T[\d:.]+Z)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw new InvalidArgumentError("expected a day (2026-01-31) or a moment (2026-01-31T12:00:00Z), in UTC");
  return at;
}

/**
 * Follows a chain and compares it with ends that were kept.
 *
 * @throws SartorError SRT_AUDIT_BROKEN naming the first entry that does not fit
 */
export async function verify(links: AsyncIterable<ChainedAuditEntry>, kept: readonly AuditHead[]): Promise<AuditHead> {
  const verifier = new AuditVerifier((text) => createHash("sha256").update(text, "utf8").digest("hex"));
  const heads = new Map<number, AuditHead[]>();
  for (const head of kept) heads.set(head.sequence, [...(heads.get(head.sequence) ?? []), head]);
  for await (const { entry, previousHash, hash } of links) {
    refuse(verifier.next({ sequence: entry.sequence, text: auditText(entry), previousHash, hash }));
    for (const head of heads.get(entry.sequence) ?? []) refuse(verifier.end(head));
  }
  for (const head of kept) refuse(verifier.end(head));
  refuse(verifier.beginning());
  return verifier.head;
}

function refuse(found: AuditBreak | undefined): void {
  if (found === undefined) return;
  throw new SartorError("SRT_AUDIT_BROKEN", `The audit log is broken at entry ${found.sequence}: ${found.problem}.`);
}

async function* entriesOf(client: ApiClient): AsyncGenerator<ChainedAuditEntry> {
  let cursor: string | null = "0";
  while (cursor !== null) {
    const page: { items: ChainedAuditEntry[]; nextCursor: string | null } = await client.get(
      `/api/v1/audit?order=oldest&limit=${PAGE}&cursor=${cursor}`,
      pageSchema,
    );
    yield* page.items;
    cursor = page.nextCursor;
  }
}

async function* entriesOfFile(path: string): AsyncGenerator<ChainedAuditEntry> {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line === "") continue;
    const parsed = chainedAuditEntrySchema.safeParse(parseJson(line));
    if (!parsed.success) {
      throw new SartorError("SRT_AUDIT_BROKEN", `Line ${number} of ${path} is no entry of an audit log.`);
    }
    yield parsed.data;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parseHead(text: string, before: readonly AuditHead[] = []): AuditHead[] {
  const [, sequence, hash = ""] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (sequence === undefined) throw new InvalidArgumentError("expected what `sartor audit head` prints");
  return [...before, { sequence: Number(sequence), hash }];
}

function row(entry: AuditEntry): string[] {
  const { sequence, at, actor, address, action, target, outcome } = entry;
  const who = actor.name ?? actor.id ?? actor.kind;
  const on = Object.entries(target).map(([name, value]) => `${name}=${value}`);
  return [
    String(sequence),
    new Date(at).toISOString(),
    `${who}${actor.role === null ? "" : ` (${actor.role})`}`,
    address ?? "-",
    action,
    on.join(" ") || "-",
    outcome,
  ];
}
