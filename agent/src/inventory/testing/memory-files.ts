import { fileURLToPath } from "node:url";
import { openSystemFiles, type RunCommand, type SystemFiles } from "../../platform/index.js";

/** System files held in memory, for cases that no fixture tree has. */
export function memoryFiles(content: Readonly<Record<string, string>>): SystemFiles {
  const readText = async (path: string) => content[path];
  return {
    readText,
    readBytes: async (path) => (content[path] === undefined ? undefined : Buffer.from(content[path], "latin1")),
    list: async (directory) => {
      const prefix = `${directory}/`;
      const below = Object.keys(content).filter((path) => path.startsWith(prefix));
      return [...new Set(below.map((path) => path.slice(prefix.length).split("/")[0] ?? ""))].sort();
    },
  };
}

/** The tree of a board in test/fixtures/boards. */
export const boardFiles = (board: string): SystemFiles =>
  openSystemFiles(fileURLToPath(new URL(`../../../../test/fixtures/boards/${board}`, import.meta.url)));

/** A machine without any of the programs that the inventory would ask. */
export const noPrograms: RunCommand = async () => ({ status: "not-found", stdout: "", stderr: "" });
