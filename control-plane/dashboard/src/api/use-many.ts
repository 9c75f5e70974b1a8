import { useEffect, useRef, useState } from "preact/hooks";
import type { ShownError } from "./api-error.js";
import { shownError } from "./connection.js";
import { forEachLimited } from "./for-each-limited.js";
import { useEpoch } from "./use-connection.js";

/** What came of the reading of one of many things; it is not in the map at all before that. */
export interface Answer<Value> {
  readonly value: Value | null;
  readonly error: ShownError | null;
  /** The round that it came in. */
  readonly round: string;
}

/** Many things to read. */
export interface ManySource<Item, Value> {
  /** What they are about: answers of another subject are forgotten. */
  readonly subject: string;
  /** Another value reads all of them anew; old answers stay until the new ones come. */
  readonly round: string;
  readonly items: readonly Item[];
  readonly keyOf: (item: Item) => string;
  readonly load: (item: Item, signal: AbortSignal) => Promise<Value>;
}

/** Reads that are under way at the same time: many would hold up what other people do. */
const AT_ONCE = 3;

/**
 * Reads many things, a few at a time; each appears as it comes. Items that join later are read by themselves. After events may have been
 * missed, all are read anew.
 */
export function useMany<Item, Value>(source: ManySource<Item, Value>): ReadonlyMap<string, Answer<Value>> {
  const { subject } = source;
  const round = `${source.round} ${useEpoch()}`;
  const [state, setState] = useState<{ subject: string; answers: ReadonlyMap<string, Answer<Value>> }>({
    subject,
    answers: new Map(),
  });
  const newest = useRef({ source, state });
  newest.current = { source, state };
  const keys = source.items.map(source.keyOf).join("\n");
  // What is read is told by its keys: the items themselves may be new objects at each drawing.
  useEffect(() => {
    const control = new AbortController();
    const { signal } = control;
    const { items, keyOf, load } = newest.current.source;
    const known = newest.current.state.subject === subject ? newest.current.state.answers : new Map<string, never>();
    const put = (key: string, answer: Omit<Answer<Value>, "round">) => {
      if (signal.aborted) return;
      const entry = { ...answer, round };
      setState((old) => ({ subject, answers: new Map(old.subject === subject ? old.answers : []).set(key, entry) }));
    };
    const act = (item: Item) =>
      load(item, signal).then(
        (value) => put(keyOf(item), { value, error: null }),
        (failure: unknown) => put(keyOf(item), { value: null, error: shownError(failure, signal) }),
      );
    const wanted = items.filter((item) => known.get(keyOf(item))?.round !== round);
    void forEachLimited(wanted, AT_ONCE, act, signal);
    return () => control.abort();
  }, [subject, round, keys]);
  return state.subject === subject ? state.answers : new Map();
}
