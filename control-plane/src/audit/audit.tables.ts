/** The log: an entry's columns beside its text are its place in the chain. */
export interface AuditEntryTable {
  sequence: number;
  /** Canonical JSON of an AuditEntry. */
  text: string;
  previous_hash: string;
  hash: string;
}

/** One row: the end of the chain. */
export interface AuditHeadTable {
  id: number;
  sequence: number;
  hash: string;
}

export interface AuditTables {
  audit_entry: AuditEntryTable;
  audit_head: AuditHeadTable;
}
