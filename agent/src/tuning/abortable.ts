import type { Clock } from "../platform/index.js";

export { abortable } from "../platform/index.js";

/** Waits for work that should not fail and may hang, at most so long, ms; what it throws goes to `onProblem`. */
export async function within(
  milliseconds: number,
  clock: Clock,
  work: Promise<unknown>,
  onProblem: (problem: unknown) => void,
): Promise<void> {
  const done = new AbortController();
  const late = clock.sleep(milliseconds, done.signal).then(
    () => onProblem(new Error(`no answer within ${milliseconds} ms`)),
    () => undefined,
  );
  await Promise.race([work.catch(onProblem), late]);
  done.abort();
}
