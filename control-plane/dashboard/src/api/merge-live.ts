/** How items of a list are told apart, and which of them will never change again. */
export interface LiveRules<Item> {
  readonly keyOf: (item: Item) => string;
  readonly isEnded: (item: Item) => boolean;
}

/** A list as it was read, with what live events brought on top: an item that has ended is not set back by an event from before. */
export function mergeLive<Item>(
  read: readonly Item[],
  live: ReadonlyMap<string, Item>,
  { keyOf, isEnded }: LiveRules<Item>,
): Item[] {
  const merged = new Map(read.map((item) => [keyOf(item), item]));
  for (const [key, item] of live) {
    const old = merged.get(key);
    if (old !== undefined && isEnded(old) && !isEnded(item)) continue;
    merged.set(key, item);
  }
  return [...merged.values()];
}
