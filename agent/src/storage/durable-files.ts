import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, symlinkSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** Makes the entries of a folder durable (created, renamed and removed names). */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Makes a folder with all that lead to it; that it is there is durable when this returns. */
export function makeFolderDurably(path: string, mode = 0o700): void {
  const first = mkdirSync(path, { recursive: true, mode });
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    syncFolder(dirname(made));
    if (made === first) return;
  }
}

/** Replaces a file whole: temporary file, fsync, rename, fsync of the folder. A crash leaves the old or the new content, never a mixture. */
export function writeFileDurably(path: string, content: string | Uint8Array, mode = 0o644): void {
  const temporary = `${path}.tmp`;
  const handle = openSync(temporary, "w", mode);
  try {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    for (let offset = 0; offset < bytes.byteLength; ) offset += writeSync(handle, bytes, offset);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

/** Lets a symbolic link name something else: a new link, rename over the old one, fsync of the folder. It names the old or the new target, always one. */
export function replaceLink(path: string, target: string): void {
  const temporary = `${path}.tmp`;
  rmSync(temporary, { force: true });
  symlinkSync(target, temporary);
  renameSync(temporary, path);
  syncFolder(dirname(path));
}
