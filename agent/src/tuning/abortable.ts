import type { Clock } from "../platform/index.js";

/** Waits for work, but not longer than the signal: what ignores its signal must not hold the tuner. Rejects with the signal's reason. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  // Whoever loses the race still ends some time; its error is nobody's then.
  work.catch(() => undefined);
  signal.throwIfAborted();
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

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
