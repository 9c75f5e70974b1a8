import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import type { TargetFile } from "tuf-js";
import { type Clock, systemClock } from "../../platform/index.js";
import type { MetadataTransport } from "./bounded-download.js";
import { CheckedUpdater } from "./checked-updater.js";
import { GenerationFolders } from "./generation-folders.js";
import { RETRIEVAL_LIMITS, type RetrievalLimits } from "./retrieval-limits.js";
import {
  parseHeader,
  parseRoot,
  parseSnapshot,
  parseTargets,
  type RootMetadata,
  type TargetsMetadata,
} from "./signed-metadata.js";
import { isTrustError, trustError } from "./trust-errors.js";
import type { TrustedTime } from "./trusted-time.js";
import { VersionFloors } from "./version-floors.js";

/** What {@link MetadataStore} needs. */
export interface MetadataStoreOptions {
  /** "image" or "director", for messages. */
  readonly repository: string;
  /** Its own folder; {@link MetadataStore.provision} makes it. */
  readonly folder: string;
  /** Where `timestamp.json` and the others are. */
  readonly metadataUrl: string;
  readonly transport: MetadataTransport;
  readonly time: TrustedTime;
  readonly clock?: Clock;
  readonly limits?: RetrievalLimits;
}

/** A repository whose root, timestamp, snapshot and targets have just been verified. */
export interface FreshMetadata {
  readonly root: RootMetadata;
  readonly targets: TargetsMetadata;
  /** The earliest expiry of what was verified so far, ms since 1970. */
  earliestExpiry(): number;
  /** What the repository says about a path; undefined when it has no such target. @throws SartorError SRT_TRUST_* */
  targetInfo(path: string): Promise<TargetFile | undefined>;
}

/**
 * A repository's metadata on this device. Each update is made in a copy of the current generation and becomes current at once, or not at all;
 * what a failed update verified on its way (a newer root, say) is kept as well. A damaged generation gives way to the one before, and that to
 * the factory root; the floors hold in all of them.
 */
export class MetadataStore {
  readonly #options: MetadataStoreOptions;
  readonly #folders: GenerationFolders;
  readonly #floors: VersionFloors;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: MetadataStoreOptions) {
    this.#options = options;
    this.#folders = new GenerationFolders(options.folder);
    this.#floors = new VersionFloors(join(options.folder, "floors.json"));
  }

  /** Keeps the root that a device gets when it is enrolled. */
  static provision(folder: string, root: Uint8Array): void {
    GenerationFolders.provision(folder, root);
  }

  /** Whether the device has a root of this repository. */
  static isProvisioned(folder: string): boolean {
    return GenerationFolders.isProvisioned(folder);
  }

  /** Folder of the current generation, with `<role>.json` for each role; undefined before the first update. */
  currentFolder(): string | undefined {
    return this.#folders.current();
  }

  /**
   * Fetches and verifies the repository, then lets `use` ask about targets. One update at a time; a second one waits.
   *
   * @throws SartorError SRT_TRUST_*, SRT_STATE_UNUSABLE (disk); the signal's reason; what `use` throws
   */
  update<T>(signal: AbortSignal, use: (metadata: FreshMetadata) => Promise<T>): Promise<T> {
    const run = this.#last.then(() => this.#update(signal, use));
    this.#last = run.catch(() => undefined);
    return run;
  }

  async #update<T>(signal: AbortSignal, use: (metadata: FreshMetadata) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      const { from, work, updater } = this.#begin(signal);
      let isForeign = false;
      try {
        await updater.refresh();
        this.#checkFloors(work);
        const result = await use({
          root: parseRoot(readFileSync(join(work, "root.json"))),
          targets: parseTargets(readFileSync(join(work, "targets.json"))),
          earliestExpiry: () => earliestExpiry(work),
          targetInfo: (path) => updater.targetInfo(path),
        });
        this.#checkFloors(work);
        return result;
      } catch (error) {
        isForeign = this.#options.repository === "director" && isOfAnotherDevice(error);
        throw error;
      } finally {
        this.#keep(from, work, isForeign);
      }
    } catch (error) {
      if (signal.aborted || !hasSystemCall(error)) throw error;
      throw trustError(this.#options.repository, undefined, error);
    }
  }

  /** Starts from the newest generation that is whole, at last from the factory root. */
  #begin(signal: AbortSignal): { from: string | undefined; work: string; updater: CheckedUpdater } {
    const { repository, metadataUrl, transport, time } = this.#options;
    const start = (from: string | undefined) => {
      const work = this.#folders.begin(from);
      const updater = new CheckedUpdater({
        repository,
        folder: work,
        metadataUrl,
        transport,
        limits: this.#options.limits ?? RETRIEVAL_LIMITS,
        clock: this.#options.clock ?? systemClock,
        referenceTime: time.now(),
        signal,
      });
      return { from, work, updater };
    };
    for (const from of this.#folders.candidates()) {
      if (!isWhole(from)) continue;
      try {
        const begun = start(from);
        if (this.#floors.isLost) {
          const { root, versions } = readVersions(from);
          this.#floors.raise(versions, root);
        }
        return begun;
      } catch (error) {
        // A root.json that is JSON but not signed by its own keys: the next older generation is tried.
        if (!isTrustError(error)) throw error;
      }
    }
    return start(undefined);
  }

  #isBelowFloors(work: string): boolean {
    try {
      this.#checkFloors(work);
      return false;
    } catch (error) {
      if (isTrustError(error)) return true;
      throw error;
    }
  }

  /** @throws SartorError SRT_TRUST_ROLLBACK */
  #checkFloors(work: string): void {
    const { root, versions } = readVersions(work);
    // A delegated role's file may be of before: it is fetched only when it is asked about. What is named now says the snapshot.
    for (const role of versions.keys()) if (!TOP_LEVEL.has(role)) versions.delete(role);
    for (const [role, version] of namedVersions(work)) versions.set(role, version);
    this.#floors.check(this.#options.repository, versions, root);
  }

  /**
   * Makes what was verified the current generation, unless nothing changed. Below a floor, and of another device's repository, only a newer
   * root is kept: all directors share their root, but another one's versions say nothing of this device's.
   */
  #keep(from: string | undefined, work: string, isForeign: boolean): void {
    if (isForeign || this.#isBelowFloors(work)) {
      for (const file of readdirSync(work)) if (file !== "root.json") rmSync(join(work, file));
      const before = from === undefined ? this.#folders.factoryRoot() : readFileSync(join(from, "root.json"));
      if (readFileSync(join(work, "root.json")).equals(before)) {
        this.#folders.discard();
        return;
      }
    }
    if (from !== undefined && from === this.#folders.current() && sameFiles(from, work)) {
      this.#folders.discard();
      return;
    }
    // Floors first: a power cut in between leaves old metadata with new floors, never the reverse. Only what came with this update was
    // verified by its root's keys: a file that stayed from before may be of keys that were rotated since.
    const { root, versions } = readVersions(work);
    for (const role of versions.keys()) if (from !== undefined && isSameFile(role, from, work)) versions.delete(role);
    this.#floors.raise(versions, root);
    this.#folders.commit(from);
  }
}

const TOP_LEVEL: ReadonlySet<string> = new Set(["timestamp", "snapshot", "targets"]);

const isOfAnotherDevice = (error: unknown) => error instanceof SartorError && error.code === "SRT_TRUST_WRONG_DEVICE";

/** Whether a generation has a root and every file in it is metadata; what an unsynced write left behind is empty, short or zeroed. */
function isWhole(folder: string): boolean {
  if (!existsSync(join(folder, "root.json"))) return false;
  try {
    for (const file of readdirSync(folder)) parseHeader(readFileSync(join(folder, file)));
    return true;
  } catch {
    return false;
  }
}

function readVersions(folder: string): { root: RootMetadata; versions: Map<string, number> } {
  const versions = new Map<string, number>();
  for (const file of readdirSync(folder)) {
    const role = decodeURIComponent(file.replace(/\.json$/, ""));
    if (role !== "root") versions.set(role, parseHeader(readFileSync(join(folder, file))).version);
  }
  return { root: parseRoot(readFileSync(join(folder, "root.json"))), versions };
}

/** The version of each role that the snapshot names. */
function namedVersions(folder: string): Map<string, number> {
  const path = join(folder, "snapshot.json");
  if (!existsSync(path)) return new Map();
  const { meta } = parseSnapshot(readFileSync(path));
  return new Map(Object.entries(meta).map(([file, { version }]) => [file.replace(/\.json$/, ""), version]));
}

function earliestExpiry(folder: string): number {
  return Math.min(
    ...readdirSync(folder).map((file) => Date.parse(parseHeader(readFileSync(join(folder, file))).expires)),
  );
}

function sameFiles(one: string, other: string): boolean {
  const files = readdirSync(one);
  return (
    files.length === readdirSync(other).length &&
    files.every((file) => isSameContent(join(one, file), join(other, file)))
  );
}

function isSameFile(role: string, one: string, other: string): boolean {
  const file = `${encodeURIComponent(role)}.json`;
  return isSameContent(join(one, file), join(other, file));
}

const isSameContent = (one: string, other: string) =>
  existsSync(one) && existsSync(other) && readFileSync(one).equals(readFileSync(other));

const hasSystemCall = (error: unknown) => error instanceof Error && "syscall" in error;
