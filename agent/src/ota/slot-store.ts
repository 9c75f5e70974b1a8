import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type BundleManifest, bundleManifestSchema, digestSchema, timestampSchema } from "@sartor/shared/protocol";
import { z } from "zod";
import { syncFolder, writeFileDurably } from "../storage/index.js";

export const SLOT_NAMES = ["a", "b"] as const;
export type SlotName = (typeof SLOT_NAMES)[number];

const sealSchema = z.object({ bundleId: digestSchema, installedAt: timestampSchema });

/** A slot whose bundle is complete and was verified when it was sealed. */
export interface InstalledSlot {
  readonly slot: SlotName;
  readonly folder: string;
  readonly bundleId: string;
  readonly installedAt: number;
  readonly manifest: BundleManifest;
}

/**
 * The two slots on disk:
 *
 *     slots/a/bundle.json ...files... sealed.json     sealed.json is written last: without it the slot is unfinished work
 *     slots/b/...
 *     active -> slots/a                                replaced by rename, so it always points to one slot whole
 */
export class SlotStore {
  readonly #root: string;
  readonly #known = new Map<SlotName, { readonly version: string; readonly installed: InstalledSlot | undefined }>();

  constructor(root: string) {
    this.#root = root;
    for (const slot of SLOT_NAMES) mkdirSync(this.folderOf(slot), { recursive: true, mode: 0o755 });
  }

  folderOf(slot: SlotName): string {
    return join(this.#root, "slots", slot);
  }

  /** The slot that the `active` link names; undefined before the first activation. */
  active(): SlotName | undefined {
    try {
      const name = readlinkSync(join(this.#root, "active")).split("/").pop();
      return SLOT_NAMES.find((slot) => slot === name);
    } catch {
      return undefined;
    }
  }

  /** Points `active` to a slot: new link under another name, rename over the old one, fsync of the folder. */
  activate(slot: SlotName): void {
    const fresh = join(this.#root, "active.new");
    rmSync(fresh, { force: true });
    symlinkSync(join("slots", slot), fresh);
    renameSync(fresh, join(this.#root, "active"));
    syncFolder(this.#root);
  }

  /** Removes the `active` link: nothing is installed. */
  deactivate(): void {
    rmSync(join(this.#root, "active"), { force: true });
    syncFolder(this.#root);
  }

  /**
   * What is installed in a slot; undefined while it is empty, unfinished or damaged. Read again only when seal or manifest changed
   * on the disk: every report asks, and a large manifest takes tens of milliseconds to read and check.
   */
  installed(slot: SlotName): InstalledSlot | undefined {
    const version = ["sealed.json", "bundle.json"].map((name) => versionOf(join(this.folderOf(slot), name))).join(" ");
    const known = this.#known.get(slot);
    if (known?.version === version) return known.installed;
    const installed = this.#readInstalled(slot);
    this.#known.set(slot, { version, installed });
    return installed;
  }

  #readInstalled(slot: SlotName): InstalledSlot | undefined {
    const folder = this.folderOf(slot);
    try {
      const seal = sealSchema.parse(JSON.parse(readFileSync(join(folder, "sealed.json"), "utf8")));
      const manifest = this.manifestOf(slot, seal.bundleId);
      return manifest && { slot, folder, bundleId: seal.bundleId, installedAt: seal.installedAt, manifest };
    } catch {
      return undefined;
    }
  }

  /** The manifest in a slot when it is the one of that bundle: its bytes have the digest that is the bundle's id. */
  manifestOf(slot: SlotName, bundleId: string): BundleManifest | undefined {
    const path = join(this.folderOf(slot), "bundle.json");
    if (!existsSync(path)) return undefined;
    const bytes = readFileSync(path);
    if (`sha256:${createHash("sha256").update(bytes).digest("hex")}` !== bundleId) return undefined;
    const result = bundleManifestSchema.safeParse(JSON.parse(bytes.toString("utf8")));
    return result.success ? result.data : undefined;
  }

  /** Empties a slot. The seal goes first, so that a crash in between leaves unfinished work and never a sealed half. */
  clear(slot: SlotName): void {
    const folder = this.folderOf(slot);
    rmSync(join(folder, "sealed.json"), { force: true });
    if (existsSync(folder)) syncFolder(folder);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: 0o755 });
    syncFolder(join(this.#root, "slots"));
  }

  /** Marks a slot's content as complete and verified. */
  seal(slot: SlotName, bundleId: string, installedAt: number): void {
    const folder = this.folderOf(slot);
    syncFolder(folder);
    writeFileDurably(join(folder, "sealed.json"), JSON.stringify({ bundleId, installedAt }));
  }
}

/** Tells one content of a file from the next without reading it: inode, size and time of its last change. */
function versionOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? "none" : `${found.ino}.${found.size}.${found.mtimeNs}`;
}
