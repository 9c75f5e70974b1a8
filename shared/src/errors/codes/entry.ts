/** What belongs to an error code. */
export interface ErrorCodeEntry {
  /** HTTP status of a reply that carries this code. */
  readonly status: number;
  /** What happened, in one sentence. */
  readonly meaning: string;
  /** What the reader can do, in one sentence. */
  readonly action: string;
}

/** The codes of one area. */
export type CodeTable = Readonly<Record<string, ErrorCodeEntry>>;

export const entry = (status: number, meaning: string, action: string): ErrorCodeEntry => ({
  status,
  meaning,
  action,
});
