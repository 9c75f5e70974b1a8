import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { writeFileDurably } from "./durable-files.js";
import { SettingsStore } from "./settings-store.js";
import { openStateDatabase } from "./state-database.js";
import { inTransaction } from "./transaction.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sartor-state-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe("openStateDatabase", () => {
  it("finds what was stored before", () => {
    const path = join(folder, "state.db");
    const first = openStateDatabase(path);
    new SettingsStore(first.database).save("answer", 42);
    first.database.close();
    const second = openStateDatabase(path);
    expect(second.setAside).toBeUndefined();
    expect(new SettingsStore(second.database).load("answer", z.number())).toBe(42);
    second.database.close();
  });

  it.each([
    ["zeroed", (path: string) => writeFileSync(path, Buffer.alloc(20_000))],
    ["overwritten", (path: string) => writeFileSync(path, Buffer.alloc(20_000, 0x5a))],
    ["truncated", (path: string) => truncateSync(path, 5_000)],
  ])("sets a %s database aside and begins anew", (_, damage) => {
    const path = join(folder, "state.db");
    const { database } = openStateDatabase(path);
    const settings = new SettingsStore(database);
    inTransaction(database, () => {
      for (let key = 0; key < 500; key++) settings.save(`key-${key}`, "x".repeat(100));
    });
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    database.close();
    damage(path);
    const again = openStateDatabase(path, () => 7);
    expect(again.setAside).toBe(`${path}.damaged-7`);
    expect(readdirSync(folder)).toContain("state.db.damaged-7");
    const fresh = new SettingsStore(again.database);
    expect(fresh.load("key-1", z.string())).toBeUndefined();
    fresh.save("key-1", "new");
    expect(fresh.load("key-1", z.string())).toBe("new");
    again.database.close();
  });

  it("says so when no database can be made at all", () => {
    expect(() => openStateDatabase(join(folder, "missing", "state.db"))).toThrow(
      expect.objectContaining({ code: "SRT_STATE_UNUSABLE" }),
    );
  });
});

describe("SettingsStore", () => {
  it("has nothing under a name that was never stored, or whose value no longer fits", () => {
    const { database } = openStateDatabase(join(folder, "state.db"));
    const settings = new SettingsStore(database);
    expect(settings.load("unknown", z.string())).toBeUndefined();
    settings.save("word", "text");
    settings.save("word", "other");
    expect(settings.load("word", z.number())).toBeUndefined();
    expect(settings.load("word", z.string())).toBe("other");
    database.close();
  });
});

describe("inTransaction", () => {
  it("keeps all of the work or none of it, nested work included", () => {
    const { database } = openStateDatabase(join(folder, "state.db"));
    const settings = new SettingsStore(database);
    expect(() =>
      inTransaction(database, () => {
        settings.save("outer", 1);
        inTransaction(database, () => settings.save("inner", 2));
        throw new Error("after all");
      }),
    ).toThrow("after all");
    expect([settings.load("outer", z.number()), settings.load("inner", z.number())]).toEqual([undefined, undefined]);
    expect(inTransaction(database, () => settings.save("outer", 3))).toBeUndefined();
    expect(settings.load("outer", z.number())).toBe(3);
    database.close();
  });
});

describe("writeFileDurably", () => {
  it("replaces a file whole and leaves no temporary file behind", () => {
    const path = join(folder, "identity.json");
    writeFileDurably(path, "old, and much longer than the new one");
    writeFileDurably(path, Buffer.from("new"), 0o600);
    expect(readFileSync(path, "utf8")).toBe("new");
    expect(readdirSync(folder)).toEqual(["identity.json"]);
  });
});
