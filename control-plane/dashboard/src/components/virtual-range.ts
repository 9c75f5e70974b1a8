/** Which rows of a long table are drawn, and how much room the others take. */
export interface VirtualRange {
  /** First row that is drawn. */
  readonly start: number;
  /** One past the last row that is drawn. */
  readonly end: number;
  /** Pixels of the rows above. */
  readonly before: number;
  /** Pixels of the rows below. */
  readonly after: number;
}

/** Rows drawn above and below what is seen, so that scrolling does not show empty room. */
const OVERSCAN = 8;

/** Works out the drawn rows from how far a table is scrolled and how high its window is, px. */
export function virtualRange(count: number, rowHeight: number, scrollTop: number, viewHeight: number): VirtualRange {
  const first = Math.floor(Math.max(0, scrollTop) / rowHeight);
  const visible = Math.ceil(Math.max(0, viewHeight) / rowHeight) + 1;
  const end = Math.min(count, first + visible + OVERSCAN);
  const start = Math.min(Math.max(0, first - OVERSCAN), end);
  return { start, end, before: start * rowHeight, after: (count - end) * rowHeight };
}
