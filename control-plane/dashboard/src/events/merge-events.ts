import type { DeviceEventView } from "@sartor/shared/protocol";

/**
 * What was read, newest first, with the live events that came since before it; each once, and no more than `limit`.
 *
 * @param live in the order in which they came
 */
export function mergeEvents(
  read: readonly DeviceEventView[],
  live: readonly DeviceEventView[],
  limit: number,
): readonly DeviceEventView[] {
  // A device that lost its state counts from the start: the sequence alone does not name an event.
  const keyOf = ({ sequence, at }: DeviceEventView) => `${sequence} ${at}`;
  const known = new Set<string>();
  return [...live.toReversed(), ...read]
    .filter((event) => {
      const key = keyOf(event);
      if (known.has(key)) return false;
      known.add(key);
      return true;
    })
    .sort((left, right) => right.receivedAt - left.receivedAt || right.sequence - left.sequence)
    .slice(0, limit);
}
