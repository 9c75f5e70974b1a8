import type { BundleTables } from "../bundles/index.js";

/**
 * How far a difference is: `making`, also after the process that made it is gone; `ready`, with its content; or one of the two ends without
 * content. What only waits has no row.
 */
export type DeltaState = "making" | "ready" | "not_worth_it" | "could_not_be_made";

/** The difference of a pair, or that there is none. */
export interface DeltaTable {
  delta_id: string;
  target: string;
  bases: string;
  state: DeltaState;
  /** How often its making was begun without coming to an end. */
  attempts: number;
  full_bytes: number;
  chunk_bytes: number | null;
  digest: string | null;
  bytes: number | null;
  /** When it came into its state, ms since 1970. */
  changed_at: number;
  used_at: number;
}

/** The files that a difference is between. */
export interface DeltaFileTable {
  delta_id: string;
  digest: string;
}

export interface DeltaTables extends BundleTables {
  delta: DeltaTable;
  delta_file: DeltaFileTable;
}
