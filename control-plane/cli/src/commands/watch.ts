import { durationText } from "./format.js";

const POLL_MS = 1_000;

/** Where a job stands, for a progress line. */
export interface JobProgress {
  /** 0 to 100; null while nobody can tell. */
  readonly percent: number | null;
  readonly step: string;
  /** ms; null while nobody can tell. */
  readonly remainingMs: number | null;
}

/** `[#########           ]  45 %  int8-u8s8: calibrating, 40 s left`. */
export function progressLine({ percent, step, remainingMs }: JobProgress): string {
  const filled = Math.round(Math.min(100, Math.max(0, percent ?? 0)) / 5);
  const bar = `[${"#".repeat(filled).padEnd(20)}]`;
  const share = percent === null ? "  -" : String(Math.floor(percent)).padStart(3);
  return `${bar} ${share} %  ${step}${remainingMs === null ? "" : `, ${durationText(remainingMs)} left`}`;
}

/**
 * Follows a job to its end with a progress line: rewritten in place on a terminal, printed when it says something new elsewhere.
 *
 * @param read the job as it is now
 * @param progress where it stands; undefined when it has ended
 */
export async function watchJob<T>(
  read: () => Promise<T>,
  progress: (job: T) => JobProgress | undefined,
  output: Pick<NodeJS.WriteStream, "write"> & { readonly isTTY?: boolean } = process.stdout,
): Promise<T> {
  let told = "";
  const live = output.isTTY === true;
  for (;;) {
    const job = await read();
    const now = progress(job);
    if (now === undefined) {
      if (live && told !== "") output.write("\r\u001b[K");
      return job;
    }
    const line = progressLine(now);
    // Elsewhere than on a terminal, time left alone is nothing new.
    const gist = live ? line : `${Math.floor((now.percent ?? 0) / 10)} ${now.step}`;
    if (gist !== told) output.write(live ? `\r\u001b[K${line}` : `${line}\n`);
    told = gist;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
