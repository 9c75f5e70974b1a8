import type { LiveEvent } from "@sartor/shared/protocol";
import { useMemo, useState } from "preact/hooks";
import type { ShownError } from "./api-error.js";
import { type LiveRules, mergeLive } from "./merge-live.js";
import { useLiveEvents, useResource } from "./use-connection.js";

/** A list that is kept current. */
export interface LiveList<Item> {
  /** Null until it was read once. */
  readonly items: readonly Item[] | null;
  readonly error: ShownError | null;
  readonly reload: () => void;
  /** Puts in what an action of this page brought. */
  readonly put: (item: Item) => void;
}

/** How a list is read and which events change it. */
export interface LiveListSource<Item> extends LiveRules<Item> {
  readonly load: (signal: AbortSignal) => Promise<readonly Item[]>;
  /** The item that an event brings; undefined for events of other things. */
  readonly pick: (event: LiveEvent) => Item | undefined;
}

/** Reads a list and keeps it current by live events; `rules` are read anew at each change, so they may be written in place. */
export function useLiveList<Item>(key: string, source: LiveListSource<Item>): LiveList<Item> {
  const read = useResource(key, source.load);
  const [live, setLive] = useState<{ readonly key: string; readonly items: ReadonlyMap<string, Item> }>({
    key,
    items: new Map(),
  });
  const put = (item: Item) =>
    setLive((old) => ({ key, items: new Map(old.key === key ? old.items : []).set(source.keyOf(item), item) }));
  useLiveEvents((event) => {
    // The list is read anew then: what came before is older than that.
    if (event.type === "ready" || event.type === "resync") setLive({ key, items: new Map() });
    const item = source.pick(event);
    if (item !== undefined) put(item);
  });
  const items = useMemo(
    () => (read.value === null ? null : mergeLive(read.value, live.key === key ? live.items : new Map(), source)),
    // The rules do not change over the life of a page.
    [read.value, live, key],
  );
  return { items, error: read.error, reload: read.reload, put };
}
