/** Messages that did not fit their schema, counted a device and kind. */
export interface InvalidMessageTable {
  device_id: string;
  kind: string;
  count: number;
  last_at: number;
  last_problem: string;
}

export interface IngestTables {
  invalid_message: InvalidMessageTable;
}
