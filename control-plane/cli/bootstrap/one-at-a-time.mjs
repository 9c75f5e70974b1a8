import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { say } from "./progress.mjs";

const POLL_MS = 500;
/** A lock file without a process id this many looks after it appeared was left by a crash. */
const EMPTY_LOOKS = 10;

/**
 * Runs `work` while no other process sets the same checkout up: `npm start` in one terminal and `npm test` in another
 * must not both replace node_modules.
 */
export async function oneAtATime(root, work) {
  const name = createHash("sha256").update(root).digest("hex").slice(0, 16);
  const path = join(tmpdir(), `sartor-setup-${name}.lock`);
  await acquire(path);
  const release = () => rmSync(path, { force: true });
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.removeListener("exit", release);
    release();
  }
}

async function acquire(path) {
  for (let looks = 0, empty = 0; ; looks += 1) {
    try {
      const file = openSync(path, "wx");
      writeSync(file, String(process.pid));
      closeSync(file);
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const holder = readHolder(path);
    empty = holder === undefined ? empty + 1 : 0;
    if (empty > EMPTY_LOOKS || (holder !== undefined && !isAlive(holder))) {
      rmSync(path, { force: true });
      continue;
    }
    if (looks === 0) say(`waiting for another set-up of this checkout (process ${holder ?? "unknown"}) …`);
    await sleep(POLL_MS);
  }
}

/** The process in the lock file; undefined while it is being written, or once it is gone. */
function readHolder(path) {
  try {
    const id = Number(readFileSync(path, "utf8"));
    return Number.isInteger(id) && id > 0 ? id : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(id) {
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
