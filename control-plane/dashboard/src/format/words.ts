import { formatCount } from "./numbers.js";

/** A status or step as people read it: `in_progress` becomes "in progress". */
export function words(status: string): string {
  return status.replaceAll("_", " ");
}

/** How much attention something wants; each tone has one colour and one sign. */
export type Tone = "good" | "busy" | "bad" | "idle" | "warn";

const TONES: Readonly<Record<string, Tone>> = {
  online: "good",
  offline: "bad",
  never_seen: "idle",
  ready: "good",
  starting: "busy",
  failing: "bad",
  none: "idle",
  queued: "idle",
  in_progress: "busy",
  running: "busy",
  succeeded: "good",
  failed: "bad",
  timed_out: "bad",
  rejected: "bad",
  canceled: "warn",
};

/** The tone of a presence, serving, deployment or rollout status; unknown ones (of a newer server) are idle. */
export function toneOf(status: string): Tone {
  return TONES[status] ?? "idle";
}

/** The first digits of a digest, enough to tell two apart; the whole belongs into a title. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, "").slice(0, 12);
}

/** A plural with its number. */
export function plural(count: number, one: string, many: string): string {
  return count === 1 ? `1 ${one}` : `${formatCount(count)} ${many}`;
}
