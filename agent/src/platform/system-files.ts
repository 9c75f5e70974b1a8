import { type FileHandle, open, readdir, statfs } from "node:fs/promises";
import { join } from "node:path";

/** The most that is read of one file; /proc/cpuinfo of a thousand cores is the largest that anybody reads here. */
export const SYSTEM_FILE_LIMIT_BYTES = 1024 * 1024;
/** The most names that one folder gives. */
export const SYSTEM_FOLDER_LIMIT = 4096;

/**
 * Read-only access to system files below a root. On a device the root is `/`; a test gives the tree of a board.
 * Nothing here throws: what cannot be read is absent (a sensor that answers EAGAIN, a file only root may read).
 */
export interface SystemFiles {
  /** The file's text, at most its first 1 MiB; undefined where it cannot be read. */
  readText(path: string): Promise<string | undefined>;
  /** The file's bytes, at most its first 1 MiB; undefined where it cannot be read. */
  readBytes(path: string): Promise<Uint8Array | undefined>;
  /** Names in a folder, sorted, at most 4096; empty where it cannot be read. */
  list(directory: string): Promise<readonly string[]>;
}

/** Size and free space of a file system, bytes. */
export interface DiskSpace {
  readonly totalBytes: number;
  readonly availableBytes: number;
}

/** Files under /proc and /sys say size 0, so this reads until the end or the limit. */
async function readBounded(handle: FileHandle): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let total = 0;
  while (total < SYSTEM_FILE_LIMIT_BYTES) {
    const piece = new Uint8Array(Math.min(64 * 1024, SYSTEM_FILE_LIMIT_BYTES - total));
    const { bytesRead } = await handle.read(piece, 0, piece.byteLength, null);
    if (bytesRead === 0) break;
    pieces.push(piece.subarray(0, bytesRead));
    total += bytesRead;
  }
  return Buffer.concat(pieces);
}

/** Opens the system files below `root`; paths given to it are absolute, as on the device. */
export function openSystemFiles(root: string): SystemFiles {
  const readBytes = async (path: string): Promise<Uint8Array | undefined> => {
    let handle: FileHandle | undefined;
    try {
      handle = await open(join(root, path), "r");
      return await readBounded(handle);
    } catch {
      return undefined;
    } finally {
      await handle?.close().catch(() => undefined);
    }
  };
  return {
    readBytes,
    readText: async (path) => {
      const bytes = await readBytes(path);
      return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
    },
    list: async (directory) => {
      try {
        return (await readdir(join(root, directory))).sort().slice(0, SYSTEM_FOLDER_LIMIT);
      } catch {
        return [];
      }
    },
  };
}

/** This machine's own files. */
export const hostFiles: SystemFiles = openSystemFiles("/");

/** Space of the file system that holds `path`; available is what an unprivileged process may use. */
export async function diskSpace(path: string): Promise<DiskSpace> {
  const found = await statfs(path);
  return { totalBytes: found.blocks * found.bsize, availableBytes: found.bavail * found.bsize };
}
