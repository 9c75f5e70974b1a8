import { useMemo, useState } from "preact/hooks";
import { EmptyState, Loading, Panel } from "../components/index.js";
import { formatCount, formatShare, plural } from "../format/index.js";
import { classShares } from "../telemetry/index.js";

/** Properties of a {@link ClassDistribution}. */
export interface ClassDistributionProps {
  /** Answers by class index; null while they are read. */
  readonly counts: Readonly<Record<string, number>> | null;
  readonly labels: readonly string[];
}

const FIRST_ROWS = 12;

/** How often each class was answered in the chosen range. */
export function ClassDistribution({ counts, labels }: ClassDistributionProps) {
  const [all, setAll] = useState(false);
  const shares = useMemo(() => classShares(counts ?? {}, labels), [counts, labels]);
  const most = shares[0]?.share ?? 1;
  const total = shares.reduce((sum, entry) => sum + entry.count, 0);
  const aside =
    total === 0 ? null : <span class="muted small">{plural(total, "answer", "answers")} in this range</span>;
  return (
    <Panel title="Classes" aside={aside}>
      {counts === null ? <Loading what="the classes" rows={4} /> : null}
      {counts !== null && shares.length === 0 ? (
        <EmptyState title="No request was answered in this range">
          <p>Send an image to the device's inference endpoint; its class shows up with the next telemetry window.</p>
        </EmptyState>
      ) : null}
      <ol class="classes">
        {(all ? shares : shares.slice(0, FIRST_ROWS)).map((entry) => (
          <li key={entry.index}>
            <span class="class-label" title={`class ${entry.index}: ${entry.label}`}>
              {entry.label}
            </span>
            <span class="class-bar" aria-hidden="true">
              <span style={{ width: `${(100 * entry.share) / most}%` }} />
            </span>
            <span class="numeric">{formatCount(entry.count)}</span>
            <span class="numeric muted">{formatShare(entry.share)}</span>
          </li>
        ))}
      </ol>
      {shares.length > FIRST_ROWS ? (
        <button type="button" class="quiet" onClick={() => setAll(!all)}>
          {all ? "Show the most frequent only" : `Show all ${shares.length} classes`}
        </button>
      ) : null}
    </Panel>
  );
}
