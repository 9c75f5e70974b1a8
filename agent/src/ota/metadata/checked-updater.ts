import { TRUST_LIMITS } from "@sartor/shared/protocol";
import { type TargetFile, Updater } from "tuf-js";
import type { DownloadTools } from "./bounded-download.js";
import { MetadataFetcher } from "./metadata-fetcher.js";
import { checkMetadata } from "./signed-metadata.js";
import { trustError } from "./trust-errors.js";

/** What {@link CheckedUpdater} needs. */
export interface CheckedUpdaterOptions extends DownloadTools {
  /** "image" or "director", for messages. */
  readonly repository: string;
  /** Holds root.json at least; tuf-js writes what it verified here. */
  readonly folder: string;
  readonly metadataUrl: string;
  /** Time to judge expiry by, ms since 1970; fixed for the whole update (TUF specification 1.0, 5.1). */
  readonly referenceTime: number;
  readonly signal: AbortSignal;
}

/** tuf-js' store of verified metadata, as far as it is used here; it is private there. */
interface TrustedSet {
  referenceTime: Date;
  updateRoot(bytes: Buffer): unknown;
  updateTimestamp(bytes: Buffer): unknown;
  updateSnapshot(bytes: Buffer, trusted?: boolean): unknown;
  updateDelegatedTargets(bytes: Buffer, role: string, delegator: string): unknown;
}

/**
 * tuf-js' Updater, which makes TUF's checks in the order of the specification, with Sartor's own around it: the trusted time in place of
 * the clock's, bounds and shapes before anything is parsed, and errors that say which role failed and why.
 */
export class CheckedUpdater {
  readonly #options: CheckedUpdaterOptions;
  readonly #updater: Updater;
  #failure: { role: string; error: unknown } | undefined;

  /** @throws SartorError SRT_TRUST_* when the folder's root.json is no root that is signed by its own keys */
  constructor(options: CheckedUpdaterOptions) {
    this.#options = options;
    const { repository, folder, metadataUrl, signal } = options;
    try {
      this.#updater = new Updater({
        metadataDir: folder,
        metadataBaseUrl: metadataUrl,
        fetcher: new MetadataFetcher(repository, options, signal, (role, error) => this.#note(role, error)),
        config: {
          maxRootRotations: TRUST_LIMITS.rootRotations,
          maxDelegations: TRUST_LIMITS.delegations,
          rootMaxLength: TRUST_LIMITS.rootBytes,
          timestampMaxLength: TRUST_LIMITS.timestampBytes,
          snapshotMaxLength: TRUST_LIMITS.snapshotBytes,
          targetsMaxLength: TRUST_LIMITS.targetsBytes,
        },
      });
    } catch (error) {
      throw trustError(repository, "root", error);
    }
    this.#guard((this.#updater as unknown as { trustedSet: TrustedSet }).trustedSet);
  }

  /**
   * Fetches and verifies root, timestamp, snapshot and targets.
   *
   * @throws SartorError SRT_TRUST_*; the signal's reason
   */
  refresh(): Promise<void> {
    return this.#run(() => this.#updater.refresh());
  }

  /**
   * What the repository says about a path, undefined when it has no such target; fetches and verifies delegated roles on the way.
   *
   * @throws SartorError SRT_TRUST_*; the signal's reason
   */
  targetInfo(path: string): Promise<TargetFile | undefined> {
    return this.#run(() => this.#updater.getTargetInfo(path));
  }

  /** Puts the pre-checks in front of tuf-js' own, and keeps what failed: tuf-js hands on the text of an error at most. */
  #guard(trusted: TrustedSet): void {
    // A tuf-js whose inside changed must not silently judge by the clock.
    if (!(trusted.referenceTime instanceof Date)) throw new Error("This tuf-js keeps its reference time elsewhere.");
    trusted.referenceTime = new Date(this.#options.referenceTime);
    const guarded = (role: string, bytes: Buffer, kind: Parameters<typeof checkMetadata>[1], work: () => unknown) => {
      try {
        checkMetadata(bytes, kind);
        const result = work();
        this.#note(role, undefined);
        return result;
      } catch (error) {
        this.#note(role, error);
        throw error;
      }
    };
    const { updateRoot, updateTimestamp, updateSnapshot, updateDelegatedTargets } = trusted;
    trusted.updateRoot = (bytes) => guarded("root", bytes, "root", () => updateRoot.call(trusted, bytes));
    trusted.updateTimestamp = (bytes) =>
      guarded("timestamp", bytes, "timestamp", () => updateTimestamp.call(trusted, bytes));
    trusted.updateSnapshot = (bytes, known) =>
      guarded("snapshot", bytes, "snapshot", () => updateSnapshot.call(trusted, bytes, known));
    trusted.updateDelegatedTargets = (bytes, role, delegator) =>
      guarded(role, bytes, "targets", () => updateDelegatedTargets.call(trusted, bytes, role, delegator));
  }

  #note(role: string, error: unknown): void {
    this.#failure = error === undefined ? undefined : { role, error };
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    this.#failure = undefined;
    try {
      return await work();
    } catch (thrown) {
      this.#options.signal.throwIfAborted();
      // A failure may also be of a local file, after which tuf-js goes to the network: only the last one counts.
      const { role, error } = this.#failure ?? { role: undefined, error: thrown };
      throw trustError(this.#options.repository, role, error);
    }
  }
}
