import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Room for a device with two slots of small bundles and what comes into a third, bytes. */
export const SMALL_DISK_BYTES = 24 * 2 ** 20;
/** What a ballast file is written in, bytes. */
const PIECE_BYTES = 4_096;

/** A disk of its own that is small enough to be filled: a tmpfs. Mounting one takes root. */
export class SmallDisk {
  readonly #ballast: string;

  private constructor(readonly folder: string) {
    this.#ballast = join(folder, "ballast");
  }

  /** A new disk; undefined where this process may not mount one. */
  static mount(bytes: number): SmallDisk | undefined {
    const folder = mkdtempSync(join(tmpdir(), "sartor-disk-"));
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder], { stdio: "ignore" });
      return new SmallDisk(folder);
    } catch {
      rmdirSync(folder);
      return undefined;
    }
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  /** Fills it up to so many bytes, whatever is written and removed beside it meanwhile. */
  fill(leave: number): void {
    const file = openSync(this.#ballast, "a");
    try {
      while (this.freeBytes > leave) {
        const more = Math.max(PIECE_BYTES, Math.min(1 << 20, this.freeBytes - leave));
        writeSync(file, Buffer.alloc(more));
      }
    } catch (error) {
      // Somebody else took the last of it.
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      closeSync(file);
    }
  }

  clear(): void {
    rmSync(this.#ballast, { force: true });
  }

  unmount(): void {
    execFileSync("umount", ["-l", this.folder], { stdio: "ignore" });
    rmdirSync(this.folder);
  }
}
