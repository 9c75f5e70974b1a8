import { open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { OPTIMISE_PREFIX } from "../graph/index.js";

const PARTIAL = ".partial";

/** Writes a file so that its name appears with the whole content or not at all: temp, fsync, rename, fsync of the folder. */
export async function writeWhole(folder: string, name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  const partial = `${path}${PARTIAL}`;
  const file = await open(partial, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, path);
  const directory = await open(folder, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
  return path;
}

/** Removes what a run that was killed left half-written, and what ONNX Runtime was at. */
export async function removePartial(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(PARTIAL) && !name.startsWith(OPTIMISE_PREFIX)) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}
