import { mkdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { replaceLink, syncFolder } from "../storage/index.js";
import { BundleFolder, type InstalledBundle } from "./bundle-folder.js";

export const SLOT_NAMES = ["a", "b"] as const;
export type SlotName = (typeof SLOT_NAMES)[number];

/** A slot whose bundle is complete and was verified when it was sealed. */
export interface InstalledSlot extends InstalledBundle {
  readonly slot: SlotName;
}

/**
 * The two slots on disk:
 *
 *     slots/a/             a bundle's folder each, see {@link BundleFolder}
 *     slots/b/
 *     active -> slots/a    replaced by rename, so it always points to one slot whole
 */
export class SlotStore {
  readonly #root: string;
  readonly #folders: Readonly<Record<SlotName, BundleFolder>>;

  constructor(root: string) {
    this.#root = root;
    this.#folders = { a: new BundleFolder(join(root, "slots", "a")), b: new BundleFolder(join(root, "slots", "b")) };
    for (const slot of SLOT_NAMES) mkdirSync(this.#folders[slot].path, { recursive: true, mode: 0o755 });
  }

  folder(slot: SlotName): BundleFolder {
    return this.#folders[slot];
  }

  /** What is installed in a slot; undefined while it is empty, unfinished or damaged. */
  installed(slot: SlotName): InstalledSlot | undefined {
    const installed = this.#folders[slot].installed();
    return installed && { slot, ...installed };
  }

  /** What is installed in either slot. */
  allInstalled(): InstalledSlot[] {
    return SLOT_NAMES.map((slot) => this.installed(slot)).filter((slot) => slot !== undefined);
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

  /** What is installed in the active slot. */
  activeBundle(): InstalledSlot | undefined {
    const slot = this.active();
    return slot && this.installed(slot);
  }

  /** Points `active` to a slot; durable when it returns. */
  activate(slot: SlotName): void {
    replaceLink(join(this.#root, "active"), join("slots", slot));
  }

  /** Removes the `active` link: nothing is installed. */
  deactivate(): void {
    rmSync(join(this.#root, "active"), { force: true });
    syncFolder(this.#root);
  }
}
