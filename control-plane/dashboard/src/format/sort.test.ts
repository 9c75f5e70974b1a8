import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SortValue, sortRows } from "./sort.js";

interface Row {
  readonly id: string;
  readonly value: SortValue;
}
const sorted = (rows: Row[], descending: boolean) =>
  sortRows(
    rows,
    (row) => row.value,
    descending,
    (row) => row.id,
  ).map((row) => row.id);

describe("a sorted table", () => {
  it("orders numbers inside names as numbers", () => {
    const rows = ["jetson-10", "jetson-9", "Jetson-1"].map((id) => ({ id, value: id }));
    expect(sorted(rows, false)).toEqual(["Jetson-1", "jetson-9", "jetson-10"]);
  });

  it("keeps what is not known at the end, whichever way it is sorted", () => {
    const rows: Row[] = [
      { id: "unknown", value: null },
      { id: "low", value: 1 },
      { id: "high", value: 2 },
    ];
    expect(sorted(rows, false)).toEqual(["low", "high", "unknown"]);
    expect(sorted(rows, true)).toEqual(["high", "low", "unknown"]);
  });

  it("gives the same order whatever order the rows came in", () => {
    const row = fc.record({ id: fc.uuid(), value: fc.option(fc.integer({ min: 0, max: 3 })) });
    fc.assert(
      fc.property(fc.uniqueArray(row, { selector: (entry) => entry.id }), fc.boolean(), (rows, descending) => {
        expect(sorted([...rows].reverse(), descending)).toEqual(sorted(rows, descending));
      }),
    );
  });
});
