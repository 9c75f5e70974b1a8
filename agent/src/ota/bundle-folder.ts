import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { type BundleManifest, bundleManifestSchema, digestSchema, timestampSchema } from "@sartor/shared/protocol";
import { z } from "zod";
import { syncFolder, writeFileDurably } from "../storage/index.js";

/** Name of the manifest in a bundle's folder, byte for byte as it came. */
export const MANIFEST = "bundle.json";
const SEAL = "sealed.json";

const sealSchema = z.object({ bundleId: digestSchema, installedAt: timestampSchema });

/** A bundle that is complete on the disk and was verified when it was sealed. */
export interface InstalledBundle {
  readonly folder: string;
  readonly bundleId: string;
  readonly installedAt: number;
  readonly manifest: BundleManifest;
}

/**
 * A folder that holds one bundle, or grows to hold it: `bundle.json` (the manifest, byte for byte), the bundle's files, and
 * `sealed.json`, which is written last: without it the folder is unfinished work.
 */
export class BundleFolder {
  readonly path: string;
  #known: { readonly version: string; readonly installed: InstalledBundle | undefined } | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * What is installed; undefined while the folder is empty, unfinished or damaged, or holds a bundle of another schema. Read again
   * only when seal or manifest changed on the disk: every report asks, and a large manifest takes tens of milliseconds to read.
   */
  installed(): InstalledBundle | undefined {
    const version = [SEAL, MANIFEST].map((name) => versionOf(join(this.path, name))).join(" ");
    if (this.#known?.version !== version) this.#known = { version, installed: this.#read() };
    return this.#known.installed;
  }

  #read(): InstalledBundle | undefined {
    try {
      const seal = sealSchema.parse(JSON.parse(readFileSync(join(this.path, SEAL), "utf8")));
      const manifest = this.manifestOf(seal.bundleId);
      return manifest && { folder: this.path, bundleId: seal.bundleId, installedAt: seal.installedAt, manifest };
    } catch {
      return undefined;
    }
  }

  /** The manifest when it is the one of that bundle: its bytes have the digest that is the bundle's id. */
  manifestOf(bundleId: string): BundleManifest | undefined {
    const path = join(this.path, MANIFEST);
    if (!existsSync(path)) return undefined;
    const bytes = readFileSync(path);
    if (`sha256:${createHash("sha256").update(bytes).digest("hex")}` !== bundleId) return undefined;
    const result = bundleManifestSchema.safeParse(JSON.parse(bytes.toString("utf8")));
    return result.success ? result.data : undefined;
  }

  /** Writes the manifest, byte for byte. */
  begin(manifestBytes: Uint8Array): void {
    writeFileDurably(join(this.path, MANIFEST), manifestBytes);
  }

  /** Marks the content as complete and verified. */
  seal(bundleId: string, installedAt: number): void {
    syncFolder(this.path);
    writeFileDurably(join(this.path, SEAL), JSON.stringify({ bundleId, installedAt }));
  }

  /** Empties the folder. */
  clear(): void {
    this.remove();
    mkdirSync(this.path, { mode: 0o755 });
    syncFolder(dirname(this.path));
  }

  /** Removes the folder. The seal goes first, so that a crash in between leaves unfinished work and never a sealed half. */
  remove(): void {
    rmSync(join(this.path, SEAL), { force: true });
    if (existsSync(this.path)) syncFolder(this.path);
    rmSync(this.path, { recursive: true, force: true });
    syncFolder(dirname(this.path));
  }
}

/** Tells one content of a file from the next without reading it: inode, size and time of its last change. */
function versionOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? "none" : `${found.ino}.${found.size}.${found.mtimeNs}`;
}
