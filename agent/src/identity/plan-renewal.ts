/** Where a certificate stands. */
export interface RenewalSituation {
  /** ms since 1970; on a device without a clock the least that the time can be. */
  readonly now: number;
  /** The certificate in use, ms since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Uniform in [0, 1), the same for one certificate always: a restart must not draw again until it wins. */
  readonly draw: number;
  /** A renewed certificate waits to be used for the first time. */
  readonly isProposed: boolean;
  /** The control plane says that the certificate is past its time, whatever this device's clock says. */
  readonly saidExpired: boolean;
}

export type RenewalStep =
  /** Use the renewed certificate once; then it takes over. */
  | { readonly step: "prove" }
  /** Ask for another one with the one that is valid. */
  | { readonly step: "renew" }
  /** Ask for another one by signing a nonce with the old key. */
  | { readonly step: "renewLate" }
  | { readonly step: "wait"; readonly milliseconds: number };

/** The clock is looked at again after so much, ms: it may have been set meanwhile. */
export const LONGEST_LOOK_MS = 3_600_000;
/** Renewal begins between two thirds and three quarters of the life, so that a fleet that enrolled together does not renew together. */
const DUE_SHARE = 2 / 3;
const SPREAD_SHARE = 1 / 12;

/** What to do next about the certificate. */
export function planRenewal(situation: RenewalSituation): RenewalStep {
  const { now, notBefore, notAfter, draw } = situation;
  if (situation.isProposed) return { step: "prove" };
  if (situation.saidExpired || now >= notAfter) return { step: "renewLate" };
  const due = notBefore + (notAfter - notBefore) * (DUE_SHARE + SPREAD_SHARE * draw);
  if (now >= due) return { step: "renew" };
  return { step: "wait", milliseconds: Math.min(Math.ceil(due - now), LONGEST_LOOK_MS) };
}

const FIRST_RETRY_MS = 30_000;
const LONGEST_RETRY_MS = 3_600_000;
const SHORTEST_RETRY_MS = 100;

/**
 * How long to wait after a renewal failed: exponential with full jitter, and never more than a twentieth of the certificate's life, so that
 * the last quarter of it holds several attempts.
 *
 * @param failures in a row, 1 or more
 * @param lifeMs of the certificate, ms
 * @param random uniform in [0, 1)
 * @returns ms
 */
export function planRetry(failures: number, lifeMs: number, random: () => number): number {
  const exponent = Math.min(Math.max(failures, 1) - 1, 20);
  const bound = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** exponent, lifeMs / 20);
  return Math.max(SHORTEST_RETRY_MS, Math.round(random() * bound));
}
