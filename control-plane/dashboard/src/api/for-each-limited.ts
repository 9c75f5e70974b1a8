/** Does something with each item, at most `limit` at the same time, in order; ends early when `signal` is aborted. */
export async function forEachLimited<Item>(
  items: readonly Item[],
  limit: number,
  act: (item: Item) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const queue = [...items];
  const work = async () => {
    for (let item = queue.shift(); item !== undefined && !signal.aborted; item = queue.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
}
