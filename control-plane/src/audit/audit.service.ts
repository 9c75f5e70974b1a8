import { setImmediate as pause } from "node:timers/promises";
import { Injectable } from "@nestjs/common";
import { AUDIT_PRUNED, type AuditLink, AuditVerifier, GENESIS_HASH } from "@sartor/shared/domain/audit";
import { SartorError } from "@sartor/shared/errors";
import {
  AUDIT_YOUNGEST_PRUNED_MS,
  type AuditEntry,
  type AuditHead,
  type ChainedAuditEntry,
} from "@sartor/shared/protocol";
import { Clock } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { type AuditFact, AuditRepository, sha256 } from "./audit.repository.js";

/** Entries that are pruned in one go; everyone else gets a turn then. */
const PRUNED_AT_ONCE = 5_000;
/** Entries that are read at once when the chain is followed. */
const READ_AT_ONCE = 500;

/** The log of who did what: each entry's hash covers the one before. */
@Injectable()
export class Audit {
  #pruning: Promise<number> = Promise.resolve(0);

  constructor(
    private readonly repository: AuditRepository,
    private readonly clock: Clock,
    private readonly events: EventBus,
  ) {}

  /** Appends an entry of now; resolves once it is committed. */
  async append(fact: Omit<AuditFact, "at">): Promise<number> {
    const sequence = await this.repository.append({ at: this.clock.now(), ...fact });
    this.events.emit("audit.appended", { sequence });
    return sequence;
  }

  head(): Promise<AuditHead> {
    return this.repository.head();
  }

  /** A page of the log. */
  async page(order: "newest" | "oldest", cursor: number | undefined, limit: number) {
    const links =
      order === "oldest"
        ? await this.repository.after(cursor ?? 0, limit + 1)
        : await this.repository.before(cursor ?? Number.MAX_SAFE_INTEGER, limit + 1);
    const items = links.slice(0, limit);
    const last = items.at(-1);
    return {
      items: items.map(chainedOf),
      nextCursor: links.length > limit && last !== undefined ? String(last.sequence) : null,
    };
  }

  /**
   * Follows the chain from its first entry to its end.
   *
   * @throws SartorError SRT_AUDIT_BROKEN naming the first entry that does not fit
   */
  async verify(): Promise<AuditHead> {
    // Read first: what is appended meanwhile comes behind it.
    const end = await this.repository.head();
    const verifier = new AuditVerifier(sha256);
    if (end.sequence === 0 && end.hash !== GENESIS_HASH) throw broken(1, "the end of the chain was removed");
    for (;;) {
      const { sequence } = verifier.head;
      // Not past the end that was read: the writer may be in the middle of the next batch on another control plane.
      const links = (await this.repository.after(sequence, READ_AT_ONCE)).filter(
        (link) => link.sequence <= end.sequence,
      );
      for (const link of links) {
        const found = verifier.next(link);
        if (found !== undefined) throw broken(found.sequence, found.problem);
      }
      if (links.length < READ_AT_ONCE) break;
      await pause();
    }
    const found = verifier.end(end) ?? verifier.beginning();
    if (found !== undefined) throw broken(found.sequence, found.problem);
    return verifier.head;
  }

  /**
   * Removes the entries before a moment, some at a time: first an entry says up to which, then they go. What was written later is never removed, nor
   * what is younger than 30 days.
   *
   * @param before ms since 1970
   * @returns how many went
   * @throws SartorError SRT_INVALID_REQUEST for a moment that is too near
   */
  prune(before: number): Promise<number> {
    const removed = this.#pruning.then(() => this.#prune(before));
    this.#pruning = removed.catch(() => 0);
    return removed;
  }

  async #prune(before: number): Promise<number> {
    if (before > this.clock.now() - AUDIT_YOUNGEST_PRUNED_MS) {
      throw new SartorError("SRT_INVALID_REQUEST", "Entries of the last 30 days are kept: name a moment before them.");
    }
    let removed = 0;
    for (;;) {
      const links = await this.repository.after(0, PRUNED_AT_ONCE);
      // A clock that was set back makes an old entry look young: what is behind it stays.
      const young = links.findIndex(({ text }) => (JSON.parse(text) as AuditEntry).at >= before);
      const count = young < 0 ? links.length : young;
      const last = links[count - 1];
      if (last === undefined) return removed;
      await this.append({
        action: AUDIT_PRUNED,
        actor: { kind: "system", id: null, name: null, role: null },
        address: null,
        target: { until: String(last.sequence), hash: last.hash },
        outcome: "ok",
        status: null,
        correlationId: null,
      });
      await this.repository.removeUntil(last.sequence);
      removed += count;
      if (young >= 0) return removed;
      await pause();
    }
  }
}

function broken(sequence: number, problem: string): SartorError {
  return new SartorError("SRT_AUDIT_BROKEN", `The audit log is broken at entry ${sequence}: ${problem}.`, {
    details: { sequence, problem },
  });
}

function chainedOf({ sequence, text, previousHash, hash }: AuditLink): ChainedAuditEntry {
  try {
    return { entry: JSON.parse(text) as AuditEntry, previousHash, hash };
  } catch {
    throw broken(sequence, "its text is damaged");
  }
}
