import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Sorting, type SortValue, sortRows } from "../format/index.js";
import { virtualRange } from "./virtual-range.js";

/** One column of a {@link VirtualTable}. */
export interface Column<Row> {
  readonly id: string;
  readonly header: string;
  /** What the header means, on hover. */
  readonly hint?: string;
  readonly numeric?: boolean;
  /** Share of the width, as a number of average characters. */
  readonly width: number;
  /** Columns that matter less are left out on narrow screens: 1 always stays, 3 goes first. */
  readonly priority: 1 | 2 | 3;
  readonly sortValue: (row: Row) => SortValue;
  readonly render: (row: Row) => ComponentChildren;
}

/** Properties of a {@link VirtualTable}. */
export interface VirtualTableProps<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly sorting: Sorting;
  readonly onSort: (sorting: Sorting) => void;
  /** Opens a row that was clicked; its first cell carries a link for the keyboard. */
  readonly onOpen?: (row: Row) => void;
  /** Height of each row, px. */
  readonly rowHeight?: number;
}

/** A sorted table that draws only the rows in sight, so that ten thousand stay fluid. */
export function VirtualTable<Row>(properties: VirtualTableProps<Row>) {
  const { columns, rows, keyOf, sorting, rowHeight = 46 } = properties;
  const scroller = useRef<HTMLElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });

  const column = columns.find((each) => each.id === sorting.column) ?? columns[0];
  const sorted = useMemo(
    () => (column === undefined ? rows : sortRows(rows, column.sortValue, sorting.descending, keyOf)),
    [rows, column, sorting.descending, keyOf],
  );

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    measure();
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);

  const range = virtualRange(sorted.length, rowHeight, view.top, view.height);
  const open = (row: Row) => (event: MouseEvent) => {
    const inside = event.target instanceof Element && event.target.closest("a, button, input") !== null;
    if (inside || window.getSelection()?.isCollapsed === false) return;
    properties.onOpen?.(row);
  };

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by the keyboard
    <section class="table-scroll" ref={scroller} tabIndex={0} aria-label={properties.label}>
      <table
        class={properties.onOpen === undefined ? "" : "opens"}
        style={{ "--row-height": `${rowHeight}px` }}
        aria-rowcount={sorted.length + 1}
      >
        <colgroup>
          {columns.map((each) => (
            <col key={each.id} class={`priority-${each.priority}`} style={{ "--column-width": `${each.width}ch` }} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((each) => (
              <HeaderCell key={each.id} column={each} sorting={sorting} onSort={properties.onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          <Spacer height={range.before} span={columns.length} />
          {sorted.slice(range.start, range.end).map((row, index) => (
            // The keyboard opens a row by the link in its first cell.
            <tr key={keyOf(row)} aria-rowindex={range.start + index + 2} onClick={open(row)}>
              {columns.map((each) => (
                <td key={each.id} class={`priority-${each.priority}${each.numeric ? " numeric" : ""}`}>
                  {each.render(row)}
                </td>
              ))}
            </tr>
          ))}
          <Spacer height={range.after} span={columns.length} />
        </tbody>
      </table>
    </section>
  );
}

interface HeaderCellProps<Row> {
  readonly column: Column<Row>;
  readonly sorting: Sorting;
  readonly onSort: (sorting: Sorting) => void;
}

function HeaderCell<Row>({ column, sorting, onSort }: HeaderCellProps<Row>) {
  const active = sorting.column === column.id;
  const direction = sorting.descending ? "descending" : "ascending";
  // Numbers are most often read from the top, names from A.
  const next = { column: column.id, descending: active ? !sorting.descending : column.numeric === true };
  return (
    <th
      scope="col"
      class={`priority-${column.priority}${column.numeric ? " numeric" : ""}`}
      aria-sort={active ? direction : "none"}
    >
      <button type="button" class="sort" title={column.hint} onClick={() => onSort(next)}>
        {/* Before a number's header, so that header and numbers end at the same edge. */}
        {column.numeric ? <SortSign active={active} descending={sorting.descending} /> : null}
        {column.header}
        {column.numeric ? null : <SortSign active={active} descending={sorting.descending} />}
      </button>
    </th>
  );
}

function SortSign({ active, descending }: { readonly active: boolean; readonly descending: boolean }) {
  if (!active) return null;
  return (
    <span class="sort-sign" aria-hidden="true">
      {descending ? "▾" : "▴"}
    </span>
  );
}

function Spacer({ height, span }: { readonly height: number; readonly span: number }) {
  if (height === 0) return null;
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: an empty row cannot be focused
    <tr class="spacer" aria-hidden="true">
      <td colSpan={span} style={{ height: `${height}px` }} />
    </tr>
  );
}
