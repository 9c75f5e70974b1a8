import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import type { Clock, Logger } from "../platform/index.js";
import { BundleFolder, type InstalledBundle } from "./bundle-folder.js";
import { BundleInstaller } from "./bundle-installer.js";
import type { BundleSource, OrderedBundle } from "./bundle-source.js";
import type { SlotStore } from "./slot-store.js";

/** How often a bundle that turns out damaged on the disk is mended in one fetch. */
const MAXIMUM_REPAIRS = 2;

export interface CandidateStoreOptions {
  /** The agent's state folder. */
  readonly root: string;
  readonly slots: SlotStore;
  readonly source: BundleSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Free bytes of the file system that holds a folder. */
  readonly freeBytes?: (folder: string) => number;
  /** Chunks that are fetched at the same time. */
  readonly parallel?: number;
}

/**
 * Bundles that were fetched to be measured and are not installed: `candidates/<hex of the bundle's id>`, each a
 * {@link BundleFolder}. The slots are read and never written. Killed at any moment, what is left is verified before it is used
 * again, mended where it is damaged, or removed.
 */
export class CandidateStore {
  readonly #root: string;
  readonly #slots: SlotStore;
  readonly #installer: BundleInstaller;
  readonly #folders = new Map<string, BundleFolder>();
  /** Folders whose files this process verified: a crash may have left anything. */
  readonly #verified = new Set<string>();
  /** The operation before the next one: fetching and removing must not meet. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ root, slots, source, clock, logger, freeBytes, parallel }: CandidateStoreOptions) {
    this.#root = join(root, "candidates");
    this.#slots = slots;
    const base = () => slots.activeBundle();
    const complete = () => [...slots.allInstalled(), ...this.installed()];
    this.#installer = new BundleInstaller({
      source,
      clock,
      complete,
      base,
      logger,
      ...(parallel === undefined ? {} : { parallel }),
      ...(freeBytes === undefined ? {} : { freeBytes }),
    });
    mkdirSync(this.#root, { recursive: true, mode: 0o755 });
    for (const name of readdirSync(this.#root)) {
      const path = join(this.#root, name);
      if (/^[0-9a-f]{64}$/.test(name)) this.#folders.set(`sha256:${name}`, new BundleFolder(path));
      else {
        logger.warn("something that is no candidate lay among them and was removed", { name });
        rmSync(path, { recursive: true, force: true });
      }
    }
  }

  /** Candidates that are complete. */
  installed(): InstalledBundle[] {
    return [...this.#folders.values()].map((folder) => folder.installed()).filter((found) => found !== undefined);
  }

  /** Where a bundle lies, in a slot or here; undefined when the device does not have it whole. */
  locate(bundleId: string): InstalledBundle | undefined {
    const here = this.#folders.get(bundleId)?.installed();
    if (here?.bundleId === bundleId && this.#verified.has(here.folder)) return here;
    return this.#slots.allInstalled().find((slot) => slot.bundleId === bundleId);
  }

  /**
   * Fetches and verifies a bundle; one that is installed already, in a slot or here, costs nothing but reading it.
   *
   * @param onProgress share that is done, 0 to 1
   * @throws SartorError SRT_DOWNLOAD_FAILED, SRT_DISK_FULL, SRT_DIGEST_MISMATCH, SRT_MESSAGE_INVALID, SRT_BUNDLE_UNKNOWN
   */
  fetch(bundle: OrderedBundle, onProgress: (share: number) => void, signal: AbortSignal): Promise<void> {
    return this.#exclusive(async () => {
      signal.throwIfAborted();
      if (!(await this.#isInSlot(bundle.bundleId))) await this.#fetchHere(bundle, onProgress, signal);
      onProgress(1);
    });
  }

  /** Removes every candidate but these bundles. */
  discard(keep: ReadonlySet<string>): Promise<void> {
    return this.#exclusive(async () => {
      for (const [bundleId, folder] of this.#folders) {
        if (keep.has(bundleId)) continue;
        folder.remove();
        this.#folders.delete(bundleId);
        this.#verified.delete(folder.path);
      }
    });
  }

  /** A slot's bundle was verified when it was sealed, long ago perhaps: a damaged one is no candidate and is left as it is. */
  async #isInSlot(bundleId: string): Promise<boolean> {
    const slot = this.#slots.allInstalled().find((installed) => installed.bundleId === bundleId);
    if (slot === undefined) return false;
    return this.#isWhole(this.#slots.folder(slot.slot), slot);
  }

  async #isWhole(folder: BundleFolder, { manifest }: InstalledBundle): Promise<boolean> {
    try {
      await this.#installer.verify(folder, manifest);
      return true;
    } catch (thrown) {
      if (SartorError.from(thrown).code === "SRT_DIGEST_MISMATCH") return false;
      throw thrown;
    }
  }

  async #fetchHere(bundle: OrderedBundle, onProgress: (share: number) => void, signal: AbortSignal): Promise<void> {
    const { bundleId } = bundle;
    const folder = this.#folderOf(bundleId);
    const known = folder.installed();
    if (known !== undefined && (this.#verified.has(folder.path) || (await this.#isWhole(folder, known)))) {
      this.#verified.add(folder.path);
      return;
    }
    const manifest = await this.#installer.prepare(folder, bundle, signal);
    for (let repairs = 0; ; repairs++) {
      await this.#installer.download(
        folder,
        { bundleId, manifest },
        ({ doneBytes, totalBytes }) => onProgress(totalBytes === 0 ? 1 : doneBytes / totalBytes),
        signal,
      );
      if (await this.#isWhole(folder, { folder: folder.path, bundleId, installedAt: 0, manifest })) break;
      if (repairs === MAXIMUM_REPAIRS) await this.#installer.verify(folder, manifest);
    }
    this.#installer.seal(folder, bundleId);
    this.#verified.add(folder.path);
  }

  #folderOf(bundleId: string): BundleFolder {
    const known = this.#folders.get(bundleId);
    if (known !== undefined) return known;
    const hex = /^sha256:([0-9a-f]{64})$/.exec(bundleId)?.[1];
    // A name from outside becomes a path only as the digest that it claims to be.
    if (hex === undefined) throw new SartorError("SRT_BUNDLE_UNKNOWN", `${bundleId} is no bundle's id.`);
    const folder = new BundleFolder(join(this.#root, hex));
    mkdirSync(folder.path, { recursive: true, mode: 0o755 });
    this.#folders.set(bundleId, folder);
    return folder;
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
