import type { ComponentChildren } from "preact";

/** One column of a {@link DataTable}. */
export interface DataColumn<Row> {
  readonly header: string;
  /** What the header means, on hover. */
  readonly hint?: string;
  readonly numeric?: boolean;
  /** Share of the table's width, percent; by the content where absent. */
  readonly width?: number;
  readonly render: (row: Row) => ComponentChildren;
}

/** Properties of a {@link DataTable}. */
export interface DataTableProps<Row> {
  readonly label: string;
  readonly columns: readonly DataColumn<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** Marks a row, e.g. the one that is chosen. */
  readonly marked?: (row: Row) => boolean;
}

/** A short table whose cells may wrap; on a narrow screen each row becomes a block with its headers beside the values. */
export function DataTable<Row>({ label, columns, rows, keyOf, marked }: DataTableProps<Row>) {
  return (
    <table class="data-table" aria-label={label}>
      <thead>
        <tr>
          {columns.map(({ header, hint, numeric, width }) => (
            <th
              key={header}
              scope="col"
              class={numeric ? "numeric" : ""}
              title={hint}
              style={width === undefined ? {} : { width: `${width}%` }}
            >
              {header}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)} class={marked?.(row) ? "marked" : ""}>
            {columns.map(({ header, numeric, render }) => (
              <td key={header} class={numeric ? "numeric" : ""} data-label={header}>
                <div>{render(row)}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
