import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AuditEntry } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Clock, SystemClock } from "../config/index.js";
import { Database } from "../database/index.js";
import { EventBus } from "../events/index.js";
import { AuditRepository } from "./audit.repository.js";
import { Audit } from "./audit.service.js";
import type { AuditTables } from "./audit.tables.js";
import { auditTargetOf } from "./audit-target.js";

const fact = (name: string): Omit<AuditEntry, "sequence" | "at"> => ({
  actor: { kind: "user", id: "ada", name: "ada", role: "admin" },
  address: "192.0.2.1",
  action: "POST /api/v1/rollouts",
  target: { name },
  outcome: "ok",
  status: 201,
  correlationId: name,
});

describe("the audit log", () => {
  let folder: string;
  let database: Database;
  let audit: Audit;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sartor-audit-"));
    database = await Database.open(`sqlite:${join(folder, "db.sqlite")}`);
    audit = new Audit(new AuditRepository(database), new SystemClock(), new EventBus());
  });
  afterEach(async () => {
    await database.close();
    await rm(folder, { recursive: true });
  });
  const tables = () => database.tables<AuditTables>();
  const fill = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => audit.append(fact(`n${index}`))));
  const broken = (sequence: number) => ({ code: "SRT_AUDIT_BROKEN", details: expect.objectContaining({ sequence }) });

  it("that is empty holds", async () => {
    expect(await audit.verify()).toEqual({ sequence: 0, hash: "0".repeat(64) });
  });

  it("keeps the order of entries that come at once, and its chain holds", async () => {
    expect(await fill(1_234)).toEqual(Array.from({ length: 1_234 }, (_, index) => index + 1));
    const names: (string | undefined)[] = [];
    let cursor: number | undefined;
    do {
      const page = await audit.page("oldest", cursor, 500);
      names.push(...page.items.map(({ entry }) => entry.target.name));
      cursor = page.nextCursor === null ? undefined : Number(page.nextCursor);
    } while (cursor !== undefined);
    expect(names).toEqual(Array.from({ length: 1_234 }, (_, index) => `n${index}`));
    const { items } = await audit.page("newest", undefined, 2);
    expect(items.map(({ entry }) => entry.sequence)).toEqual([1_234, 1_233]);
    expect(await audit.verify()).toEqual({ sequence: 1_234, hash: items[0]?.hash });
  });

  it("goes on where it was after a restart, also where two write at once", async () => {
    await fill(3);
    const other = await Database.open(`sqlite:${join(folder, "db.sqlite")}`);
    const second = new Audit(new AuditRepository(other), new SystemClock(), new EventBus());
    for (let round = 0; round < 5; round++) {
      await second.append(fact("second"));
      await audit.append(fact("first"));
    }
    expect((await audit.verify()).sequence).toBe(13);
    await other.close();
  });

  it("names the first entry where those at the beginning were removed and nothing says so", async () => {
    await fill(9);
    await tables().deleteFrom("audit_entry").where("sequence", "<=", 2).execute();
    await expect(audit.verify()).rejects.toMatchObject(broken(1));
  });

  it("that was pruned still holds, goes on, and shows when somebody takes more; nothing young goes", async () => {
    const day = 86_400_000;
    let now = 1_000 * day;
    const aged = new Audit(new AuditRepository(database), { now: () => now } as Clock, new EventBus());
    for (let index = 0; index < 7_000; index += 1_000) {
      await Promise.all(Array.from({ length: 1_000 }, (_, at) => aged.append(fact(`n${index + at}`))));
      now += 10 * day;
    }
    await expect(aged.prune(now - 29 * day)).rejects.toMatchObject({ code: "SRT_INVALID_REQUEST" });
    expect(await aged.prune(now - 30 * day)).toBe(4_000);
    expect(await aged.prune(now - 30 * day)).toBe(0);
    now += 100 * day;
    expect(await aged.prune(now - 31 * day)).toBe(3_001);
    await aged.append(fact("later"));
    const head = await aged.verify();
    const { items } = await aged.page("oldest", 0, 10);
    expect(items.map(({ entry }) => entry.action)).toEqual(["audit.pruned", "POST /api/v1/rollouts"]);
    expect(head.sequence).toBe(items.at(-1)?.entry.sequence);
    await tables()
      .deleteFrom("audit_entry")
      .where("sequence", "=", items[0]?.entry.sequence ?? 0)
      .execute();
    await expect(aged.verify()).rejects.toMatchObject(broken(1));
  });

  it("names the first entry whose text was changed", async () => {
    await fill(600);
    const { text } = await tables()
      .selectFrom("audit_entry")
      .select("text")
      .where("sequence", "=", 517)
      .executeTakeFirstOrThrow();
    const changed = text.replace('"ada"', '"eve"');
    await tables().updateTable("audit_entry").set({ text: changed }).where("sequence", "=", 517).execute();
    await expect(audit.verify()).rejects.toMatchObject(broken(517));
  });

  it("names the first entry that was removed, in the middle and at the end", async () => {
    await fill(10);
    const remove = (sequence: number) => tables().deleteFrom("audit_entry").where("sequence", "=", sequence).execute();
    await remove(10);
    await expect(audit.verify()).rejects.toMatchObject(broken(10));
    await remove(5);
    await expect(audit.verify()).rejects.toMatchObject(broken(5));
    await tables().deleteFrom("audit_entry").execute();
    await expect(audit.verify()).rejects.toMatchObject(broken(1));
  });

  it("names an entry whose hash was made anew for a changed text: the next one does not fit, or the end", async () => {
    await fill(3);
    const rows = await tables().selectFrom("audit_entry").selectAll().orderBy("sequence").execute();
    const { createHash } = await import("node:crypto");
    const forge = async (sequence: number) => {
      const row = rows[sequence - 1];
      const text = row?.text.replace('"ok"', '"no"') ?? "";
      const hash = createHash("sha256").update(`${row?.previous_hash}\n${text}`).digest("hex");
      await tables().updateTable("audit_entry").set({ text, hash }).where("sequence", "=", sequence).execute();
    };
    await forge(3);
    await expect(audit.verify()).rejects.toMatchObject(broken(3));
    await forge(2);
    await expect(audit.verify()).rejects.toMatchObject(broken(3));
  });

  it("names entries that changed places", async () => {
    await fill(4);
    const rows = await tables().selectFrom("audit_entry").selectAll().orderBy("sequence").execute();
    for (const [to, from] of [
      [2, rows[2]],
      [3, rows[1]],
    ] as const) {
      const { text = "", previous_hash = "", hash = "" } = from ?? {};
      await tables().updateTable("audit_entry").set({ text, previous_hash, hash }).where("sequence", "=", to).execute();
    }
    await expect(audit.verify()).rejects.toMatchObject(broken(2));
  });
});

describe("the target of an entry", () => {
  it("names the groups of a user, or that it is all, and nothing that is no name", () => {
    expect(auditTargetOf({ groups: ["plant-1", "plant-2", 7] })).toEqual({ groups: "plant-1 plant-2" });
    expect(auditTargetOf({ groups: null, group: "plant-1" })).toEqual({ groups: "all", group: "plant-1" });
    expect(auditTargetOf({ scopes: null, name: null })).toEqual({});
  });

  it("holds names and never secrets, and a line of bounded text", () => {
    const body = { userName: "bob", role: "viewer", password: "heron kettle", token: "t", csr: "c", devices: ["a"] };
    expect(auditTargetOf({ deviceId: "gate-7" }, body, { token: "srt_api_x", tokenId: "01H" })).toEqual({
      deviceId: "gate-7",
      userName: "bob",
      role: "viewer",
      tokenId: "01H",
    });
    const { name = "" } = auditTargetOf({ name: `a\u0000\n${"b".repeat(999)}` });
    expect(name.length).toBeLessThanOrEqual(260);
    expect(name).not.toContain("\u0000");
    expect(name).not.toContain("\n");
    expect(auditTargetOf(undefined, "text", ["deviceId"], null)).toEqual({});
  });
});
