import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "@sartor/shared/protocol";
import { type InstalledBundle, MANIFEST } from "../bundle-folder.js";
import { digestOfStretch } from "../chunk-writer.js";
import { type Content, contentOfStretch } from "./content.js";
import type { ContentAddress } from "./content-address.js";

/** Where a chunk lies in an installed bundle. */
interface Place {
  readonly name: string;
  readonly position: number;
  readonly bytes: number;
}

/** Chunks and manifests of the bundles that lie on this disk whole, in slots or as candidates. */
export class InstalledContent {
  readonly #bundles: () => readonly InstalledBundle[];
  readonly #places = new WeakMap<InstalledBundle["manifest"], ReadonlyMap<Digest, Place>>();

  constructor(bundles: () => readonly InstalledBundle[]) {
    this.#bundles = bundles;
  }

  /** Opens content that an installed bundle holds; undefined where none does. It is compared with its digest each time. */
  async open({ kind, digest }: ContentAddress): Promise<Content | undefined> {
    if (digest === undefined) return undefined;
    for (const bundle of this.#bundles()) {
      if (kind === "manifest" && bundle.bundleId !== digest) continue;
      const place = kind === "manifest" ? undefined : this.#placesOf(bundle).get(digest);
      if (kind === "chunk" && place === undefined) continue;
      const content = await openVerified(join(bundle.folder, place?.name ?? MANIFEST), digest, place);
      if (content !== undefined) return content;
    }
    return undefined;
  }

  #placesOf({ manifest }: InstalledBundle): ReadonlyMap<Digest, Place> {
    const known = this.#places.get(manifest);
    if (known !== undefined) return known;
    const places = new Map<Digest, Place>();
    for (const { name, chunks } of manifest.files) {
      let position = 0;
      for (const { digest, bytes } of chunks) {
        places.set(digest, { name, position, bytes });
        position += bytes;
      }
    }
    this.#places.set(manifest, places);
    return places;
  }
}

/** A bundle may go while it is read, or be damaged: then it is as if it were not there. */
async function openVerified(path: string, digest: Digest, place: Place | undefined): Promise<Content | undefined> {
  try {
    const file = await open(path, "r");
    try {
      const position = place?.position ?? 0;
      const bytes = place?.bytes ?? (await file.stat()).size;
      if ((await digestOfStretch(file, position, bytes)) === digest)
        return contentOfStretch(file, position, digest, bytes);
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
  } catch {
    // Somebody else has it.
  }
  return undefined;
}
