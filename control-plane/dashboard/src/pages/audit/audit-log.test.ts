import type { AuditEntry, ChainedAuditEntry } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AuditFilter, type AuditLog, filterAudit, filterOf, withNewest, withOlder } from "./audit-log.js";

function entry(sequence: number, changes: Partial<AuditEntry> = {}): AuditEntry {
  return {
    sequence,
    at: sequence,
    actor: { kind: "user", id: "ada", name: "ada", role: "admin" },
    address: "127.0.0.1",
    action: "POST /api/v1/rollouts",
    target: { model: "road-sign" },
    outcome: "ok",
    status: 201,
    correlationId: null,
    ...changes,
  };
}

/** A page as the server gives it: the newest first, from behind a cursor. */
function pageOf(length: number, limit: number, before = Number.POSITIVE_INFINITY) {
  const all = Array.from({ length }, (_, index) => length - index).filter((sequence) => sequence < before);
  const items = all
    .slice(0, limit)
    .map((sequence): ChainedAuditEntry => ({ entry: entry(sequence), previousHash: "", hash: "" }));
  return { items, nextCursor: all.length > limit ? String(items.at(-1)?.entry.sequence) : null };
}

describe("the audit log as it is read", () => {
  it("never has a gap or an entry twice, however much is written between two readings", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("written" as const), count: fc.integer({ min: 0, max: 30 }) }),
      fc.record({ kind: fc.constant("newest" as const), count: fc.constant(0) }),
      fc.record({ kind: fc.constant("older" as const), count: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 12 }), (steps, limit) => {
        let length = 0;
        let log: AuditLog | null = null;
        for (const { kind, count } of steps) {
          length += count;
          if (kind === "newest") log = withNewest(log, pageOf(length, limit));
          if (kind === "older" && log !== null && log.cursor !== null) {
            log = withOlder(log, pageOf(length, limit, Number(log.cursor)));
          }
          if (kind === "newest") expect(log?.entries[0]?.sequence ?? 0).toBe(length);
          const sequences = log?.entries.map(({ sequence }) => sequence) ?? [];
          expect(sequences).toEqual(sequences.map((_, index) => (sequences[0] ?? 0) - index));
          if (log !== null && log.cursor === null && sequences.length > 0) expect(sequences.at(-1)).toBe(1);
        }
      }),
    );
  });
});

describe("the filter of the audit log", () => {
  const all: AuditFilter = { search: "", by: "all", outcome: "all" };
  const log = [
    entry(4, { outcome: "SRT_ROLE_TOO_LOW", status: 403 }),
    entry(3, { actor: { kind: "device", id: "gate-1", name: "gate", role: null }, action: "device.enrolled" }),
    entry(2, { actor: { kind: "system", id: null, name: null, role: null }, action: "rollout.ended" }),
    entry(1),
  ];
  const shown = (filter: Partial<AuditFilter>) =>
    filterAudit(log, { ...all, ...filter }).map(({ sequence }) => sequence);

  it("finds who, what, on what and what came of it", () => {
    expect(shown({})).toEqual([4, 3, 2, 1]);
    expect(shown({ by: "people" })).toEqual([4, 1]);
    expect(shown({ by: "devices" })).toEqual([3]);
    expect(shown({ by: "system" })).toEqual([2]);
    expect(shown({ outcome: "failed" })).toEqual([4]);
    expect(shown({ outcome: "ok", by: "people" })).toEqual([1]);
    expect(shown({ search: "GATE enrolled" })).toEqual([3]);
    expect(shown({ search: "role_too" })).toEqual([4]);
    expect(shown({ search: "gate rollouts" })).toEqual([]);
  });

  it("can be sent on in the address, and ignores what it does not know", () => {
    expect(filterOf(new URLSearchParams("by=devices&outcome=failed&search=x"))).toEqual({
      by: "devices",
      outcome: "failed",
      search: "x",
    });
    expect(filterOf(new URLSearchParams("by=__proto__&outcome=what"))).toEqual(all);
  });
});
