import { formatCount, type Tone } from "../format/index.js";

/** A part of a {@link StackedBar}. */
export interface BarPart {
  readonly name: string;
  readonly count: number;
  readonly tone: Tone;
}

/** Counts as one bar with a legend that carries the numbers. */
export function StackedBar({ label, parts }: { readonly label: string; readonly parts: readonly BarPart[] }) {
  const total = parts.reduce((sum, part) => sum + part.count, 0);
  const shown = parts.filter((part) => part.count > 0);
  return (
    <figure class="stacked" aria-label={label}>
      <div class="stacked-bar" aria-hidden="true">
        {shown.map((part) => (
          <span key={part.name} class={`fill-${part.tone}`} style={{ width: `${(100 * part.count) / total}%` }} />
        ))}
      </div>
      <ul class="stacked-legend">
        {parts.map((part) => (
          <li key={part.name} class={part.count === 0 ? "muted" : `tone-${part.tone}`}>
            <span class="dot" aria-hidden="true" />
            <span class="count">{formatCount(part.count)}</span> {part.name}
          </li>
        ))}
      </ul>
    </figure>
  );
}
