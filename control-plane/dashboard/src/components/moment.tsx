import { useEffect, useState } from "preact/hooks";
import { formatAge, formatDuration, formatMoment, type Maybe, UNKNOWN } from "../format/index.js";

const TICK_MS = 1_000;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    for (const each of [...listeners]) each();
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The current time, ms, at most `stepMs` old: one timer serves the whole page, and a component is drawn only when its step changed. */
export function useNow(stepMs: number = TICK_MS): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => subscribe(() => setNow((old) => (Date.now() - old >= stepMs ? Date.now() : old))), [stepMs]);
  return now;
}

/** Properties of {@link Ago} and {@link Since}. */
export interface MomentProps {
  readonly at: Maybe<number>;
}

/** How long ago something was, kept current; the absolute moment on hover. */
export function Ago({ at }: MomentProps) {
  const now = useNow();
  if (typeof at !== "number") return <span class="unknown">{UNKNOWN}</span>;
  return <time {...timeAttributes(at)}>{formatAge(at, now)}</time>;
}

/** For how long something has been so, kept current; the absolute moment on hover. */
export function Since({ at }: MomentProps) {
  const now = useNow();
  if (typeof at !== "number") return <span class="unknown">{UNKNOWN}</span>;
  return <time {...timeAttributes(at)}>{formatDuration(now - at)}</time>;
}

/** How long it is until a moment, kept current; the absolute moment on hover. */
export function Until({ at }: MomentProps) {
  const now = useNow();
  if (typeof at !== "number") return <span class="unknown">{UNKNOWN}</span>;
  return <time {...timeAttributes(at)}>{at <= now ? "passed" : `in ${formatDuration(at - now)}`}</time>;
}

function timeAttributes(at: number) {
  const date = new Date(at);
  // A device without a clock may send any moment: one outside of the calendar has no ISO form.
  return Number.isNaN(date.getTime()) ? {} : { dateTime: date.toISOString(), title: formatMoment(at) };
}
