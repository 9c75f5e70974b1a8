import type { AuditEntry, AuditHead } from "../../protocol/index.js";

/** What the first entry names as the hash before it. */
export const GENESIS_HASH = "0".repeat(64);

/** The canonical JSON of an entry: keys in the order of their code units, no spaces. Entries hold text, whole numbers and null only. */
export function auditText(entry: AuditEntry): string {
  return canonical(entry);
}

/** Action of the entry that says up to which entry the log was pruned: its target names that entry's number (`until`) and hash (`hash`). */
export const AUDIT_PRUNED = "audit.pruned";

/** What an entry's hash is the SHA-256 of, as UTF-8: the hash before it, a line feed, its text. */
export function auditHashInput(previousHash: string, text: string): string {
  return `${previousHash}\n${text}`;
}

/** An entry as it is kept. */
export interface AuditLink {
  readonly sequence: number;
  /** Canonical JSON. */
  readonly text: string;
  readonly previousHash: string;
  readonly hash: string;
}

/** Where a chain does not hold, and why. */
export interface AuditBreak {
  readonly sequence: number;
  readonly problem: string;
}

/** Follows a chain from its first entry, and finds the first one that does not fit. */
export class AuditVerifier {
  readonly #sha256: (text: string) => string;
  #head: AuditHead = { sequence: 0, hash: GENESIS_HASH };
  /** The last of the entries that are missing at the beginning; undefined where none is. */
  #cut: AuditHead | undefined;
  #isCutTold = false;

  /** @param sha256 gives hex, lower case, of the text's UTF-8 */
  constructor(sha256: (text: string) => string) {
    this.#sha256 = sha256;
  }

  /** The last entry that fitted. */
  get head(): AuditHead {
    return this.#head;
  }

  /** Takes the next entry; tells what is wrong with it. */
  next(link: AuditLink): AuditBreak | undefined {
    if (this.#head.sequence === 0 && link.sequence > 1) {
      this.#cut = { sequence: link.sequence - 1, hash: link.previousHash };
      this.#head = this.#cut;
    }
    const expected = this.#head.sequence + 1;
    if (link.sequence !== expected) {
      return { sequence: expected, problem: `it is missing: the next one is ${link.sequence}` };
    }
    const broken = (problem: string): AuditBreak => ({ sequence: expected, problem });
    if (sequenceOf(link.text) !== expected) return broken("its text is another entry's");
    if (link.previousHash !== this.#head.hash) return broken("it does not name the hash of the one before");
    if (this.#sha256(auditHashInput(link.previousHash, link.text)) !== link.hash) {
      return broken("its hash is not that of its text");
    }
    this.#head = { sequence: expected, hash: link.hash };
    if (this.#cut !== undefined && tellsOf(this.#cut, link.text)) this.#isCutTold = true;
    return undefined;
  }

  /**
   * Whether the entries that are missing at the beginning were pruned, which an entry behind them says: it names the last of them and its hash, so that
   * nobody can take more. To be asked at the end.
   */
  beginning(): AuditBreak | undefined {
    if (this.#cut === undefined || this.#isCutTold) return undefined;
    return {
      sequence: 1,
      problem: `the entries up to ${this.#cut.sequence} are missing, and none says that they were pruned`,
    };
  }

  /** Compares the end of the chain, or an entry on the way that was just taken, with a head that was kept elsewhere. */
  end(head: AuditHead): AuditBreak | undefined {
    if (head.sequence > this.#head.sequence) {
      return { sequence: this.#head.sequence + 1, problem: `it is missing: the log went on to ${head.sequence}` };
    }
    if (head.sequence === this.#head.sequence && head.hash !== this.#head.hash) {
      return { sequence: head.sequence, problem: "its hash is not the one that was kept" };
    }
    return undefined;
  }
}

function tellsOf(cut: AuditHead, text: string): boolean {
  // Most entries are of something else, and need not be parsed once more.
  if (!text.includes(AUDIT_PRUNED)) return false;
  const { action, target } = JSON.parse(text) as Partial<AuditEntry>;
  return action === AUDIT_PRUNED && target?.until === String(cut.sequence) && target.hash === cut.hash;
}

function sequenceOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { sequence?: unknown } | null)?.sequence;
  } catch {
    return undefined;
  }
}

function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const record = value as Readonly<Record<string, unknown>>;
  const keys = Object.keys(record)
    .filter((key) => record[key] !== undefined)
    .sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(record[key])}`).join(",")}}`;
}
