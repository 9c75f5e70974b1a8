export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** How long metadata lives, ms, and how long before its end it is renewed or shown as expiring. */
export const LIVES = {
  root: { lifeMs: 365 * DAY_MS, soonMs: 60 * DAY_MS },
  targets: { lifeMs: 90 * DAY_MS, soonMs: 30 * DAY_MS },
  snapshot: { lifeMs: 7 * DAY_MS, soonMs: 3.5 * DAY_MS },
  timestamp: { lifeMs: DAY_MS, soonMs: 12 * HOUR_MS },
} as const;

/** The life of a role: those of model families live like targets. */
export function livesOf(role: string): { readonly lifeMs: number; readonly soonMs: number } {
  return role === "root" || role === "snapshot" || role === "timestamp" ? LIVES[role] : LIVES.targets;
}
