/** What a run of faults of one kind saw. */
export interface FaultRun {
  /** Draws everything: the same seed makes the same faults. */
  readonly seed: number;
  /** Injections that really happened, by fault. */
  readonly injected: Map<string, number>;
  /** Sentences; none is what is promised. */
  readonly violations: string[];
  /** What was done and what came of it, newest last. */
  readonly events: string[];
}

export const newRun = (seed: number, events: string[] = []): FaultRun => ({
  seed,
  injected: new Map(),
  violations: [],
  events,
});

export function count({ injected }: FaultRun, fault: string, by = 1): void {
  injected.set(fault, (injected.get(fault) ?? 0) + by);
}

/** All injections of a run. */
export const total = ({ injected }: Pick<FaultRun, "injected">): number =>
  [...injected.values()].reduce((sum, count) => sum + count, 0);

/** One drawn from several. */
export function drawOne<T>(random: () => number, from: readonly T[]): T {
  const one = from[Math.floor(random() * from.length)];
  if (one === undefined) throw new Error("nothing to draw from");
  return one;
}
