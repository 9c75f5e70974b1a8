import { LIMITS } from "@sartor/shared/protocol";

/** Writes class counts the way they are kept: class, count, class, count, ...; null where there are none. */
export function encodeClassCounts(counts: Readonly<Record<string, number>> | undefined): string | null {
  const entries = Object.entries(counts ?? {});
  return entries.length === 0 ? null : JSON.stringify(entries.flatMap(([index, count]) => [Number(index), count]));
}

/** Sums class counts of many windows, of as many classes as a model may have labels; higher indices are left out. */
export class ClassTally {
  readonly #counts = new Map<number, number>();

  /** Adds what {@link encodeClassCounts} wrote; tells how many classes that were. */
  add(text: string | null): number {
    if (text === null) return 0;
    const pairs = JSON.parse(text) as number[];
    for (let at = 0; at + 1 < pairs.length; at += 2) {
      const [index, count] = [pairs[at] as number, pairs[at + 1] as number];
      if (index < LIMITS.labels) this.#counts.set(index, (this.#counts.get(index) ?? 0) + count);
    }
    return pairs.length / 2;
  }

  /** Counts by class index; a count past what a float64 holds exactly stays at that bound. */
  result(): Record<string, number> {
    return Object.fromEntries(
      [...this.#counts].map(([index, count]) => [index, Math.min(count, Number.MAX_SAFE_INTEGER)]),
    );
  }
}
