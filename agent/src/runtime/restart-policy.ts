/** What a model's crashes say about it. */
export interface CrashRecord {
  /** Crashes without a healthy time between them. */
  readonly inARow: number;
}

export interface RestartPolicy {
  readonly restartDelayMs: number;
  readonly longestRestartDelayMs: number;
  readonly crashesUntilFailing: number;
  readonly healthyAfterMs: number;
}

export const NO_CRASHES: CrashRecord = { inARow: 0 };

/** Adds a crash after `servedMs` of service: a healthy time before it starts the count anew. */
export function addCrash(record: CrashRecord, servedMs: number, policy: RestartPolicy): CrashRecord {
  return { inARow: servedMs >= policy.healthyAfterMs ? 1 : record.inARow + 1 };
}

/** Pause before the next start, ms: doubled with each crash in a row, up to the longest. */
export function restartDelay(record: CrashRecord, policy: RestartPolicy): number {
  return Math.min(policy.longestRestartDelayMs, policy.restartDelayMs * 2 ** Math.max(0, record.inARow - 1));
}

/** True once requests should be refused at once instead of waiting for a restart. */
export function isFailing(record: CrashRecord, policy: RestartPolicy): boolean {
  return record.inARow >= policy.crashesUntilFailing;
}
