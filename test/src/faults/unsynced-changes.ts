import fs from "node:fs";
import { dirname } from "node:path";

/** The functions as they were before anybody injected a fault into them. */
const {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} = fs;

/** What stood at a path; undefined where nothing did. */
type Found =
  | { readonly link: string }
  | { readonly content: Buffer }
  | { readonly folder: readonly (readonly [string, Found])[] }
  | undefined;

/**
 * What a power cut may undo: contents of files that nobody called fsync for, and changes of folders (made, renamed, removed) that nobody called fsync for
 * the folder for. Stricter than most file systems are: POSIX promises no more.
 */
export class UnsyncedChanges {
  readonly #contents = new Map<string, Found>();
  readonly #changes: { readonly folder: string; readonly undo: () => void }[] = [];

  /** A file is about to be written. */
  noteWrite(path: string): void {
    const before = find(path);
    if (before === undefined) this.#noteChange(path, () => rmSync(path, { force: true, recursive: true }));
    if (!this.#contents.has(path)) this.#contents.set(path, before);
  }

  /** Something is about to be made or removed. */
  noteReplace(path: string): void {
    const before = find(path);
    this.#noteChange(path, () => restore(path, before));
  }

  noteRename(from: string, to: string): void {
    const before = find(to);
    this.#noteChange(to, () => {
      renameSync(to, from);
      if (before !== undefined) restore(to, before);
    });
    const content = this.#contents.get(from);
    if (this.#contents.delete(from)) this.#contents.set(to, content);
    else this.#contents.delete(to);
  }

  /** fsync was called for a file or folder. */
  noteSync(path: string): void {
    this.#contents.delete(path);
    for (let at = this.#changes.length - 1; at >= 0; at--)
      if (this.#changes[at]?.folder === path) this.#changes.splice(at, 1);
  }

  /** Undoes a part of what was not made durable: changes from some point on, in reverse; each file's content old, empty, cut short, or new. */
  lose(random: () => number): string[] {
    const lost: string[] = [];
    for (const [path, before] of this.#contents) {
      const now = find(path);
      if (now === undefined || !("content" in now)) continue;
      const draw = random();
      const kept = draw < 0.25 ? now.content.byteLength : Math.floor(random() * now.content.byteLength);
      if (draw < 0.5) writeFileSync(path, before !== undefined && "content" in before ? before.content : "");
      else if (draw < 0.75) writeFileSync(path, now.content.subarray(0, kept));
      else continue;
      lost.push(`content of ${path}`);
    }
    const from = Math.floor(random() * (this.#changes.length + 1));
    for (const { folder, undo } of this.#changes.slice(from).reverse()) {
      undo();
      lost.push(`a change of ${folder}`);
    }
    return lost;
  }

  #noteChange(path: string, undo: () => void): void {
    this.#changes.push({ folder: dirname(path), undo });
  }
}

function find(path: string): Found {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (stat.isSymbolicLink()) return { link: readlinkSync(path) };
  if (stat.isDirectory()) return { folder: readdirSync(path).map((name) => [name, find(`${path}/${name}`)] as const) };
  return { content: readFileSync(path) };
}

function restore(path: string, found: Found): void {
  rmSync(path, { force: true, recursive: true });
  if (found === undefined) return;
  if ("link" in found) symlinkSync(found.link, path);
  else if ("content" in found) writeFileSync(path, found.content);
  else {
    mkdirSync(path, { recursive: true });
    for (const [name, inner] of found.folder) restore(`${path}/${name}`, inner);
  }
}
