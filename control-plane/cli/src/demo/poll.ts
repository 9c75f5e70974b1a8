import { setTimeout as sleep } from "node:timers/promises";
import { SartorError } from "@sartor/shared/errors";

const PERIOD_MS = 500;
/** The control plane may be away this long, as when it was killed and is started again. */
const OUTAGE_MS = 60_000;

/** What is waited for. */
export interface Waiting<T> {
  /** For the message when it does not come, such as `the variants`. */
  readonly what: string;
  /** Longest wait, ms. */
  readonly withinMs: number;
  readonly ask: () => Promise<T>;
  readonly isDone: (answer: T) => boolean;
  /** Is told every answer, the last one too. */
  readonly onAnswer?: (answer: T) => void;
}

/**
 * Asks again and again until the answer is what is waited for.
 *
 * @throws SartorError SRT_DEPLOYMENT_TIMED_OUT when that takes too long; the signal's reason when it is aborted; what `ask` throws, but
 *   for a control plane that is away for less than a minute
 */
export async function pollUntil<T>(waiting: Waiting<T>, signal: AbortSignal): Promise<T> {
  const deadline = Date.now() + waiting.withinMs;
  let lastAnswerAt = Date.now();
  for (;;) {
    signal.throwIfAborted();
    try {
      const answer = await waiting.ask();
      lastAnswerAt = Date.now();
      waiting.onAnswer?.(answer);
      if (waiting.isDone(answer)) return answer;
    } catch (error) {
      const away = error instanceof SartorError && error.code === "SRT_DOWNLOAD_FAILED";
      if (!away || Date.now() - lastAnswerAt > OUTAGE_MS) throw error;
    }
    if (Date.now() > deadline) {
      const minutes = Math.round(waiting.withinMs / 60_000);
      throw new SartorError(
        "SRT_DEPLOYMENT_TIMED_OUT",
        `Waited ${minutes} minutes for ${waiting.what}, in vain; see the logs.`,
      );
    }
    await sleep(PERIOD_MS, undefined, { signal });
  }
}
