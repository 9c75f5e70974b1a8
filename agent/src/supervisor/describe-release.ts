import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { writeFileDurably } from "../storage/index.js";
import { RELEASE_FILE, type Release } from "./release-store.js";

/**
 * Describes the files of a folder as a release of the agent, and writes that beside them. Links are left out: a release is files and nothing else.
 *
 * @param entry program that is started, relative to the folder
 */
export function describeRelease(folder: string, version: string, entry: string): Release {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => relative(folder, join(file.parentPath, file.name)))
    .filter((path) => path !== RELEASE_FILE)
    .sort()
    .map((path) => {
      const content = readFileSync(join(folder, path));
      return {
        path,
        bytes: content.byteLength,
        digest: `sha256:${createHash("sha256").update(content).digest("hex")}`,
      };
    });
  const release: Release = { schemaVersion: 1, version, entry, files };
  writeFileDurably(join(folder, RELEASE_FILE), JSON.stringify(release));
  return release;
}
