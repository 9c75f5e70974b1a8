import { formatBytes, words } from "../format/index.js";

/** Bytes that are verified on disk, of all. */
export interface ByteProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** A bar of bytes with both numbers. */
export function ByteBar({ progress }: { readonly progress: ByteProgress }) {
  const { doneBytes, totalBytes } = progress;
  return (
    <span class="byte-bar">
      <progress value={doneBytes} max={Math.max(1, totalBytes)} aria-label="Downloaded and verified" />
      <span class="small muted">
        {formatBytes(doneBytes)} of {formatBytes(totalBytes)}
      </span>
    </span>
  );
}

const PATH = [
  "waiting",
  "downloading",
  "verifying",
  "installing",
  "activating",
  "probing",
  "committing",
  "done",
] as const;

/** The steps of a deployment in their order, with the one it is at. */
export function StepPath({ step, failed }: { readonly step: string; readonly failed: boolean }) {
  const rollingBack = step === "rolling_back";
  const at = PATH.indexOf(step as (typeof PATH)[number]);
  return (
    <ol class="steps" aria-label="Steps of the deployment">
      {PATH.map((each, index) => {
        const current = each === step;
        const done = at > index || (current && each === "done" && !failed);
        const state = done ? "step-done" : current ? (failed ? "step-failed" : "step-current") : "";
        return (
          <li key={each} class={state} aria-current={current ? "step" : undefined}>
            {words(each)}
          </li>
        );
      })}
      {rollingBack ? (
        <li class="step-failed" aria-current="step">
          {words(step)}
        </li>
      ) : null}
    </ol>
  );
}
