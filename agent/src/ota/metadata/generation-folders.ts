import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { Generations, makeFolderDurably, syncFolder, writeFileDurably } from "../../storage/index.js";

const CURRENT = "current";
const FACTORY_ROOT = "factory-root.json";

/**
 * Generations of a repository's metadata: `generations/<n>/<role>.json`, `current` is a link to the newest, the one before stays. A new one is
 * built as `generations/work`, made durable, and becomes current by one rename: a power cut leaves the old or the new one whole.
 */
export class GenerationFolders {
  readonly folder: string;
  readonly #work: string;
  readonly #generations: Generations;

  constructor(folder: string) {
    this.folder = folder;
    const generations = join(folder, "generations");
    this.#work = join(generations, "work");
    this.#generations = new Generations({ folder: generations, links: folder });
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
    // No link yet, or something else in its place: the newest generation stands in for it.
    const current = this.#generations.linked(CURRENT);
    const others = this.#generations.numbers().filter((number) => number !== current);
    const ordered = current === undefined ? others : [current, ...others];
    return ordered.map((number) => this.#generations.path(number));
  }

  /** Folder of the current generation. */
  current(): string | undefined {
    const number = this.#generations.linked(CURRENT);
    return number === undefined ? undefined : this.#generations.path(number);
  }

  /** A folder to build the next generation in, with the files of another one. */
  begin(from: string | undefined): string {
    const work = this.#work;
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true, mode: 0o700 });
    if (from === undefined) writeFileDurably(join(work, "root.json"), this.factoryRoot());
    else for (const file of readdirSync(from)) copyFileSync(join(from, file), join(work, file));
    return work;
  }

  /** Makes the folder that {@link begin} gave the current generation; durable when it returns. `from` stays as the one before. */
  commit(from: string | undefined): void {
    for (const file of readdirSync(this.#work)) syncFile(join(this.#work, file));
    syncFolder(this.#work);
    const number = this.#generations.next();
    renameSync(this.#work, this.#generations.path(number));
    syncFolder(dirname(this.#work));
    this.#generations.link(CURRENT, number);
    const before = this.#generations.numbers().find((one) => this.#generations.path(one) === from);
    this.#generations.keep([number, before]);
  }

  /** Drops what {@link begin} gave. */
  discard(): void {
    rmSync(this.#work, { recursive: true, force: true });
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
