import { link, mkdir, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { KEY_FILE_BYTES, type KeyFile, parseKeyFile } from "./key-file.js";

const ENDING = ".key.json";
/** Most key files that a folder is searched for. */
const MAXIMUM_FILES = 1_000;

/** Where a key of this name has its file. */
export const keyPath = (folder: string, name: string): string => join(folder, `${name}${ENDING}`);

/** @throws SartorError SRT_KEY_FILE_INVALID, SRT_KEY_UNKNOWN when there is no such file */
export async function readKeyFile(path: string): Promise<KeyFile> {
  try {
    const { size } = await stat(path);
    if (size > KEY_FILE_BYTES) {
      throw new SartorError("SRT_KEY_FILE_INVALID", `${path} is larger than ${KEY_FILE_BYTES} bytes.`);
    }
    return parseKeyFile(await readFile(path, "utf8"), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new SartorError("SRT_KEY_UNKNOWN", `There is no key file ${path}.`, { cause: error });
  }
}

/** The key file of this name; undefined where there is none. */
export async function findKeyFile(folder: string, name: string): Promise<KeyFile | undefined> {
  try {
    return await readKeyFile(keyPath(folder, name));
  } catch (error) {
    if (error instanceof SartorError && error.code === "SRT_KEY_UNKNOWN") return undefined;
    throw error;
  }
}

/** All key files of a folder, by name. */
export async function listKeyFiles(folder: string): Promise<KeyFile[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  const files = names.filter((name) => name.endsWith(ENDING)).sort();
  return Promise.all(files.slice(0, MAXIMUM_FILES).map((name) => readKeyFile(join(folder, name))));
}

/** Writes a key file whole or not at all, readable by its owner only; a file that is there is never replaced: it may be the only copy. */
export async function writeKeyFile(folder: string, file: KeyFile): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = keyPath(folder, file.name);
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  const handle = await open(temporary, "wx", 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(file, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    // Unlike a rename, a link fails where the name is taken.
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new SartorError("SRT_CONFLICT", `${path} is there already; it is not replaced.`, { cause: error });
  } finally {
    await rm(temporary, { force: true });
  }
  const parent = await open(folder, "r");
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
  return path;
}
