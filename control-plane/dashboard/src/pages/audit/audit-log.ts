import type { AuditEntry, ChainedAuditEntry, Page } from "@sartor/shared/protocol";

/** What was read of the log: the newest entries, without a gap. */
export interface AuditLog {
  /** The newest first. */
  readonly entries: readonly AuditEntry[];
  /** Where older ones are read from; null when the first entry is there. */
  readonly cursor: string | null;
}

const entriesOf = (page: Page<ChainedAuditEntry>) => page.items.map(({ entry }) => entry);

/** Puts the newest page on top. Where more was written meanwhile than a page holds, what was read before is given up: a gap would look like silence. */
export function withNewest(log: AuditLog | null, page: Page<ChainedAuditEntry>): AuditLog {
  const fresh = entriesOf(page);
  const top = log?.entries[0]?.sequence;
  const lowest = fresh.at(-1)?.sequence;
  if (log === null || top === undefined || lowest === undefined || lowest > top + 1) {
    return { entries: fresh, cursor: page.nextCursor };
  }
  return { entries: [...fresh.filter(({ sequence }) => sequence > top), ...log.entries], cursor: log.cursor };
}

/** Puts a page of older entries below. */
export function withOlder(log: AuditLog, page: Page<ChainedAuditEntry>): AuditLog {
  const bottom = log.entries.at(-1)?.sequence ?? Number.POSITIVE_INFINITY;
  const older = entriesOf(page).filter(({ sequence }) => sequence < bottom);
  return { entries: [...log.entries, ...older], cursor: page.nextCursor };
}

/** Which entries are shown. */
export interface AuditFilter {
  readonly search: string;
  readonly by: AuditBy;
  readonly outcome: AuditOutcome;
}

export const AUDIT_BY = [
  ["all", "everybody"],
  ["people", "people"],
  ["programs", "programs and the operator token"],
  ["devices", "devices"],
  ["system", "the control plane itself"],
] as const;
export type AuditBy = (typeof AUDIT_BY)[number][0];

export const AUDIT_OUTCOMES = [
  ["all", "all outcomes"],
  ["ok", "done"],
  ["failed", "refused or failed"],
] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number][0];

const KINDS: Readonly<Record<Exclude<AuditBy, "all">, readonly AuditEntry["actor"]["kind"][]>> = {
  people: ["user", "anonymous"],
  programs: ["api_token", "operator_token"],
  devices: ["device"],
  system: ["system"],
};

/** Reads the filter out of the address; what is not known shows everything. */
export function filterOf(query: URLSearchParams): AuditFilter {
  const by = AUDIT_BY.find(([each]) => each === query.get("by"))?.[0] ?? "all";
  const outcome = AUDIT_OUTCOMES.find(([each]) => each === query.get("outcome"))?.[0] ?? "all";
  return { search: query.get("search") ?? "", by, outcome };
}

/** The entries that fit a filter; every word of the search has to be in one of the entry's texts. */
export function filterAudit(entries: readonly AuditEntry[], { search, by, outcome }: AuditFilter): AuditEntry[] {
  const sought = search.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter((entry) => {
    if (by !== "all" && !KINDS[by].includes(entry.actor.kind)) return false;
    if (outcome !== "all" && (entry.outcome === "ok") !== (outcome === "ok")) return false;
    if (sought.length === 0) return true;
    const text = textOf(entry);
    return sought.every((word) => text.includes(word));
  });
}

function textOf({ actor, action, target, outcome, address, correlationId, sequence }: AuditEntry): string {
  const named = Object.entries(target).flat();
  return [actor.kind, actor.id, actor.name, actor.role, action, outcome, address, correlationId, sequence, ...named]
    .join(" ")
    .toLowerCase();
}
