import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { SartorError } from "@sartor/shared/errors";

/**
 * Holds a state folder for one launcher at a time. The lock is a file with the holder's process id; one whose process is gone is
 * taken over.
 *
 * @returns a function that gives it back
 * @throws SartorError SRT_CONFLICT when another launcher runs on this folder
 */
export function lockStateFolder(path: string): () => void {
  for (let tries = 0; tries < 2; tries += 1) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const holder = Number(readFileSync(path, "utf8"));
      if (isAlive(holder))
        throw new SartorError(
          "SRT_CONFLICT",
          `Sartor runs on this state folder already (process ${holder}). Stop it first; if no such process is yours, delete ${path}.`,
        );
      rmSync(path, { force: true });
    }
  }
  throw new SartorError("SRT_CONFLICT", `The lock ${path} could not be taken.`);
}

function isAlive(pid: number): boolean {
  // Our own id in the file was left by an earlier process: in a container ids repeat.
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
