import { useState } from "preact/hooks";

/** One line of a {@link BarList}. */
export interface BarLine {
  readonly key: string;
  readonly name: string;
  readonly hint?: string;
  /** Length of the bar, 0 to 1. */
  readonly share: number;
  readonly value: string;
}

/** Properties of a {@link BarList}. */
export interface BarListProps {
  readonly label: string;
  readonly lines: readonly BarLine[];
  /** Lines that are shown at first. */
  readonly first?: number;
  /** What the lines are, in the plural. */
  readonly what: string;
}

/** Names with bars and values, in the order given; long lists are folded. */
export function BarList({ label, lines, first = 10, what }: BarListProps) {
  const [all, setAll] = useState(false);
  return (
    <>
      <ol class="bars" aria-label={label}>
        {(all ? lines : lines.slice(0, first)).map((line) => (
          <li key={line.key}>
            <span class="class-label" title={line.hint ?? line.name}>
              {line.name}
            </span>
            <span class="class-bar" aria-hidden="true">
              <span style={{ width: `${100 * Math.max(0, Math.min(1, line.share))}%` }} />
            </span>
            <span class="numeric">{line.value}</span>
          </li>
        ))}
      </ol>
      {lines.length > first ? (
        <button type="button" class="quiet" onClick={() => setAll(!all)}>
          {all ? `Show the first ${first} only` : `Show all ${lines.length} ${what}`}
        </button>
      ) : null}
    </>
  );
}
