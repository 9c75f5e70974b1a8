import { formatLongDuration } from "../format/index.js";

/** Properties of a {@link JobBar}. */
export interface JobBarProps {
  readonly label: string;
  /** 0 to 100. */
  readonly percent: number;
  /** What is being done. */
  readonly step?: string;
  /** Time left, ms; null while nobody can tell. */
  readonly remainingMs?: number | null;
}

/** How far some work is, with the step it is at and the time that is left. */
export function JobBar({ label, percent, step, remainingMs }: JobBarProps) {
  const left =
    remainingMs === undefined
      ? null
      : remainingMs === null
        ? "time left not known yet"
        : `${formatLongDuration(remainingMs)} left`;
  return (
    <span class="byte-bar">
      <progress value={percent} max={100} aria-label={label} />
      <span class="job-words small">
        <b>{Math.floor(percent)} %</b>
        {step === undefined ? null : <span>{step}</span>}
        {left === null ? null : <span class="muted">{left}</span>}
      </span>
    </span>
  );
}
