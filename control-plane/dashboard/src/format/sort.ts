/** What a column can be sorted by; null stands for "not known" and is always last. */
export type SortValue = string | number | boolean | null;

/** Which column, and which way. */
export interface Sorting {
  readonly column: string;
  readonly descending: boolean;
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function compareValues(left: Exclude<SortValue, null>, right: Exclude<SortValue, null>): number {
  if (typeof left === "string" && typeof right === "string") return collator.compare(left, right);
  return Number(left) - Number(right);
}

/** Compares two sort values; unknown ones stay last whichever way the column is sorted. */
export function compareSortValues(left: SortValue, right: SortValue, descending: boolean): number {
  if (left === null || right === null) return left === right ? 0 : left === null ? 1 : -1;
  const order = compareValues(left, right);
  return descending ? -order : order;
}

/** A sorted copy. Equal rows are ordered by `tieBreak`, so that live rows do not change places for nothing. */
export function sortRows<Row>(
  rows: readonly Row[],
  sortValue: (row: Row) => SortValue,
  descending: boolean,
  tieBreak: (row: Row) => string,
): Row[] {
  const keyed = rows.map((row) => ({ row, value: sortValue(row), tie: tieBreak(row) }));
  keyed.sort(
    (left, right) =>
      compareSortValues(left.value, right.value, descending) ||
      (left.tie < right.tie ? -1 : left.tie > right.tie ? 1 : 0),
  );
  return keyed.map((entry) => entry.row);
}
