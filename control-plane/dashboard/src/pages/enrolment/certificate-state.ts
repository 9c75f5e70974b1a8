import type { DeviceCertificatesReply } from "@sartor/shared/protocol";
import { type Tone, words } from "../../format/index.js";

type Certificate = DeviceCertificatesReply["certificates"][number];
const DAY_MS = 86_400_000;
/** Devices renew at two thirds of a life of 30 days; one that is nearer to its end has failed to, ms. */
const SOON_MS = 5 * DAY_MS;

/** How a device's identity stands. */
export interface IdentityState {
  readonly word: string;
  readonly tone: Tone;
  /** The certificate that the device shows; null where none counts. */
  readonly current: Certificate | null;
}

/**
 * How a device's identity stands now. The old certificate counts until a renewed one is first used, so of those that were not ended the newest
 * that was used is the one in use.
 */
export function identityState({ revokedAt, certificates }: DeviceCertificatesReply, now: number): IdentityState {
  const open = certificates.filter((each) => each.revokedAt === null);
  const current = open.find(({ firstUsedAt }) => firstUsedAt !== null) ?? open[0] ?? null;
  if (revokedAt !== null) return { word: "access revoked", tone: "bad", current: null };
  if (current === null) return { word: "no certificate", tone: "bad", current };
  if (current.notAfter <= now) return { word: "certificate ended", tone: "bad", current };
  if (current.notAfter - now < SOON_MS) return { word: "ends soon", tone: "warn", current };
  return { word: current.firstUsedAt === null ? "not used yet" : "in use", tone: "good", current };
}

/** What became of a certificate. */
export function certificateWord({ revokedAt, reason, notAfter, firstUsedAt }: Certificate, now: number): string {
  if (revokedAt !== null) return words(reason ?? "revoked");
  if (notAfter <= now) return "ended";
  return firstUsedAt === null ? "not used yet" : "in use";
}

/** A fingerprint in groups of four, as people compare it. */
export function groupFingerprint(fingerprint: string): string {
  return fingerprint.replace(/(.{4})(?=.)/g, "$1 ");
}
