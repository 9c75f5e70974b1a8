import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { basename, join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { makeFolderDurably, syncFolder, writeFileDurably } from "../../storage/index.js";

const WORK = "work";
const CURRENT = "current";
const FACTORY_ROOT = "factory-root.json";

/**
 * Generations of a repository's metadata: `generations/<n>/<role>.json`, `current` is a link to the newest, the one before stays. A new one is
 * built as `generations/work`, made durable, and becomes current by one rename: a power cut leaves the old or the new one whole.
 */
export class GenerationFolders {
  readonly folder: string;
  readonly #generations: string;

  constructor(folder: string) {
    this.folder = folder;
    this.#generations = join(folder, "generations");
  }

  /** Keeps the root that the device was given when it was set up; everything else is reached from it. */
  static provision(folder: string, root: Uint8Array): void {
    makeFolderDurably(folder);
    writeFileDurably(join(folder, FACTORY_ROOT), root);
  }

  /** Whether {@link provision} was done. */
  static isProvisioned(folder: string): boolean {
    return existsSync(join(folder, FACTORY_ROOT));
  }

  /** @throws SartorError SRT_TRUST_NO_ROOT */
  factoryRoot(): Buffer {
    const path = join(this.folder, FACTORY_ROOT);
    if (existsSync(path)) return readFileSync(path);
    throw new SartorError("SRT_TRUST_NO_ROOT", `This device was not given a root of trust: there is no ${path}.`);
  }

  /** Folders of the generations: the current one, then older ones. Nothing says that they are whole. */
  candidates(): string[] {
    const current = this.#currentNumber();
    const numbers = this.#numbers().filter((number) => number !== current);
    const ordered = [...(current === undefined ? [] : [current]), ...numbers.sort((a, b) => b - a)];
    return ordered.map((number) => join(this.#generations, String(number)));
  }

  /** Folder of the current generation. */
  current(): string | undefined {
    const number = this.#currentNumber();
    return number === undefined ? undefined : join(this.#generations, String(number));
  }

  /** A folder to build the next generation in, with the files of another one. */
  begin(from: string | undefined): string {
    const work = join(this.#generations, WORK);
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true, mode: 0o700 });
    if (from === undefined) writeFileDurably(join(work, "root.json"), this.factoryRoot());
    else for (const file of readdirSync(from)) copyFileSync(join(from, file), join(work, file));
    return work;
  }

  /** Makes the folder that {@link begin} gave the current generation; durable when it returns. `from` stays as the one before. */
  commit(from: string | undefined): void {
    const work = join(this.#generations, WORK);
    for (const file of readdirSync(work)) syncFile(join(work, file));
    syncFolder(work);
    const number = Math.max(0, ...this.#numbers()) + 1;
    renameSync(work, join(this.#generations, String(number)));
    syncFolder(this.#generations);
    const link = join(this.folder, `${CURRENT}.tmp`);
    rmSync(link, { force: true });
    symlinkSync(join("generations", String(number)), link);
    renameSync(link, join(this.folder, CURRENT));
    syncFolder(this.folder);
    const kept = new Set([String(number), from === undefined ? "" : basename(from)]);
    for (const old of this.#numbers().map(String)) {
      if (!kept.has(old)) rmSync(join(this.#generations, old), { recursive: true, force: true });
    }
  }

  /** Drops what {@link begin} gave. */
  discard(): void {
    rmSync(join(this.#generations, WORK), { recursive: true, force: true });
  }

  #currentNumber(): number | undefined {
    try {
      const number = Number(basename(readlinkSync(join(this.folder, CURRENT))));
      return Number.isSafeInteger(number) ? number : undefined;
    } catch {
      // No link yet, or no link: the newest generation stands in for it.
      return undefined;
    }
  }

  #numbers(): number[] {
    try {
      return readdirSync(this.#generations)
        .filter((name) => /^[1-9]\d{0,14}$/.test(name))
        .map(Number);
    } catch {
      return [];
    }
  }
}

function syncFile(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
