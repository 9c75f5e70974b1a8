import { readdirSync, readlinkSync, rmSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { replaceLink } from "./durable-files.js";

export interface GenerationsOptions {
  /** The folder that holds the generations. */
  readonly folder: string;
  /** What stands before a generation's number in its folder's name. */
  readonly prefix?: string;
  /** The folder that holds the links to them; the same by default. */
  readonly links?: string;
}

/**
 * Numbered folders, each a whole state that never changes, and links that say which of them counts. Whoever fills a folder makes it durable;
 * a link goes from one generation to another at once, so that a power cut leaves the old or the new one, never a mixture.
 */
export class Generations {
  readonly #folder: string;
  readonly #links: string;
  readonly #name: RegExp;
  readonly #prefix: string;

  constructor({ folder, prefix = "", links = folder }: GenerationsOptions) {
    this.#folder = folder;
    this.#links = links;
    this.#prefix = prefix;
    this.#name = new RegExp(`^${prefix}([1-9]\\d{0,14})$`);
  }

  /** Folder of a generation, whether there is one or not. */
  path(number: number): string {
    return join(this.#folder, `${this.#prefix}${number}`);
  }

  /** The generations that there are, the newest first. Nothing says that they are whole. */
  numbers(): number[] {
    let names: string[];
    try {
      names = readdirSync(this.#folder);
    } catch {
      // No folder yet, or none that can be read.
      return [];
    }
    return names
      .map((name) => this.#numberOf(name))
      .filter((number) => number !== undefined)
      .sort((one, other) => other - one);
  }

  /** The number of the next generation. */
  next(): number {
    return (this.numbers()[0] ?? 0) + 1;
  }

  /** The generation that a link names; undefined when there is no such link. */
  linked(link: string): number | undefined {
    try {
      return this.#numberOf(basename(readlinkSync(join(this.#links, link))));
    } catch {
      return undefined;
    }
  }

  /** Lets a link name a generation; durable when it returns. */
  link(link: string, number: number): void {
    replaceLink(join(this.#links, link), relative(this.#links, this.path(number)));
  }

  /** Removes all generations but these: former ones, and what a kill left half written. */
  keep(kept: readonly (number | undefined)[]): void {
    for (const number of this.numbers())
      if (!kept.includes(number)) rmSync(this.path(number), { recursive: true, force: true });
  }

  #numberOf(name: string): number | undefined {
    const digits = this.#name.exec(name)?.[1];
    return digits === undefined ? undefined : Number(digits);
  }
}
