import { type ErrorCode, SartorError } from "@sartor/shared/errors";
import type { TuningCandidate } from "@sartor/shared/protocol";
import type { Clock, Logger } from "../platform/index.js";
import { abortable } from "./abortable.js";
import type { CandidateStore } from "./ports.js";

const SHORTEST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 300_000;
/** A device may be offline for long, and the order stands: so long is a download tried again, ms. */
const PATIENCE_MS = 24 * 3_600_000;
/** What has nothing to do with the network is tried so often. */
const ATTEMPTS = 3;
/** Another attempt would find the same. */
const FINAL: ErrorCode = "SRT_BUNDLE_UNKNOWN";

export interface FetchOptions {
  readonly store: CandidateStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1); spreads retries. */
  readonly random: () => number;
  /** 0 to 1, over all candidates. */
  readonly onProgress: (share: number) => void;
}

/**
 * Brings every candidate's bundle to the device, one after the other.
 *
 * @returns why a candidate's bundle could not be had, by the candidate's id
 * @throws SartorError when that concerns all of them: a full disk, a network that stays away
 */
export async function fetchCandidates(
  candidates: readonly TuningCandidate[],
  options: FetchOptions,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, SartorError>> {
  const fetched = new Map<string, SartorError | undefined>();
  const failures = new Map<string, SartorError>();
  for (const [position, { candidateId, bundle }] of candidates.entries()) {
    const onProgress = (share: number) => options.onProgress((position + share) / candidates.length);
    if (!fetched.has(bundle.bundleId))
      fetched.set(bundle.bundleId, await fetchOne(bundle, { ...options, onProgress }, signal));
    const error = fetched.get(bundle.bundleId);
    if (error !== undefined) failures.set(candidateId, error);
    onProgress(1);
  }
  return failures;
}

async function fetchOne(
  bundle: TuningCandidate["bundle"],
  { store, clock, logger, random, onProgress }: FetchOptions,
  signal: AbortSignal,
): Promise<SartorError | undefined> {
  const startedAt = clock.monotonic();
  for (let attempt = 1; ; attempt++) {
    try {
      await abortable(store.fetch(bundle, onProgress, signal), signal);
      return undefined;
    } catch (thrown) {
      signal.throwIfAborted();
      const error = SartorError.from(thrown);
      if (error.code === "SRT_DISK_FULL") throw error;
      const network = error.code === "SRT_DOWNLOAD_FAILED";
      if (network && clock.monotonic() - startedAt > PATIENCE_MS) throw error;
      if (error.code === FINAL || (!network && attempt >= ATTEMPTS)) return error;
      const wait = Math.min(LONGEST_WAIT_MS, SHORTEST_WAIT_MS * 2 ** Math.min(attempt - 1, 16)) * (0.5 + random() / 2);
      logger.warn("a candidate's bundle could not be fetched and is tried again", {
        bundleId: bundle.bundleId,
        code: error.code,
        message: error.message,
        waitMs: Math.round(wait),
      });
      await clock.sleep(wait, signal);
    }
  }
}
