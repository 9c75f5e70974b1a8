import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BootstrapError, say, secondsSince } from "./progress.mjs";

const HEARTBEAT_MS = 15_000;
/** Time that a command gets to end after SIGTERM, ms. */
const GRACE_MS = 5_000;
/** How much of a log is read back for its last lines, bytes. */
const TAIL_BYTES = 64 * 1024;
/** Columns of a line that are shown. */
const MOST_COLUMNS = 240;

/** Process groups that run now, ended when this program is. */
const running = new Set();
let listening = false;

/**
 * Runs a command to its end in a process group of its own, so that a time limit or Ctrl-C ends its children too.
 *
 * @param {string} program
 * @param {readonly string[]} parameters
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, limitMs: number, logFile?: string }} options
 *   With `logFile` the output goes there, otherwise to the terminal.
 * @returns {Promise<{ code: number, timedOut: boolean, spawnError?: Error }>} `code` is 128 + n after signal n
 */
export async function runCommand(program, parameters, { cwd, env = process.env, limitMs, logFile }) {
  endGroupsWithThisProgram();
  const log = logFile === undefined ? undefined : openSync(logFile, "a");
  const stdio = ["ignore", log ?? "inherit", log ?? "inherit"];
  const child = spawn(program, parameters, { cwd, env, stdio, detached: true });
  if (log !== undefined) closeSync(log);
  running.add(child);

  let timedOut = false;
  let killer;
  const limit = setTimeout(() => {
    timedOut = true;
    endGroup(child, "SIGTERM");
    killer = setTimeout(() => endGroup(child, "SIGKILL"), GRACE_MS);
  }, limitMs);
  const result = await new Promise((resolve) => {
    child.once("error", (spawnError) => resolve({ code: 127, spawnError }));
    child.once("exit", (code, signal) => resolve({ code: code ?? 128 + signalNumber(signal) }));
  });
  clearTimeout(limit);
  clearTimeout(killer);
  // What the command left running would hold files and ports of the next one.
  endGroup(child, "SIGKILL");
  running.delete(child);
  return { ...result, timedOut };
}

/**
 * Runs one step of the set-up quietly: a line at its start, a sign of life every 15 s, and on failure the last lines.
 *
 * @param {{ title: string, program: string, parameters: readonly string[], cwd: string, env?: NodeJS.ProcessEnv,
 *   limitMs: number, tailLines?: number, pick?: (line: string) => boolean, advise: (output: string) => string }} step
 * @throws {BootstrapError} when the command fails or takes longer than `limitMs`
 */
export async function runStep({
  title,
  program,
  parameters,
  cwd,
  env,
  limitMs,
  tailLines = 15,
  pick = isWorthShowing,
  advise,
}) {
  const folder = mkdtempSync(join(tmpdir(), "sartor-log-"));
  const logFile = join(folder, "output.log");
  const began = Date.now();
  say(`${title} …`);
  const heartbeat = setInterval(() => say(`${title}, for ${secondsSince(began)} s so far …`), HEARTBEAT_MS);
  try {
    const { code, timedOut, spawnError } = await runCommand(program, parameters, { cwd, env, limitMs, logFile });
    if (code === 0) {
      rmSync(folder, { recursive: true, force: true });
      return;
    }
    const output = lastLines(logFile, 400);
    const how = timedOut
      ? `took longer than ${limitMs / 1000} s`
      : (spawnError?.message ?? `failed with exit code ${code}`);
    throw new BootstrapError(`${title} ${how}.`, {
      detail: pickLines(output, pick, tailLines),
      advice: advise(output),
      logFile,
    });
  } finally {
    clearInterval(heartbeat);
  }
}

/** The last lines of a file. */
export function lastLines(path, count) {
  let text;
  try {
    text = readFileSync(path).subarray(-TAIL_BYTES).toString("utf8");
  } catch {
    return "";
  }
  return text.trimEnd().split("\n").slice(-count).join("\n");
}

/** The last lines that say something, or the last of all when none does; long ones are cut. */
function pickLines(output, pick, count) {
  const lines = output.split("\n");
  const picked = lines.some(pick) ? lines.filter(pick) : lines;
  const cut = (line) => (line.length > MOST_COLUMNS ? `${line.slice(0, MOST_COLUMNS)} …` : line);
  return picked.slice(-count).map(cut).join("\n");
}

/** Warnings about the system's Node say nothing to a person: what needs Node 24 runs on Node 24. */
function isWorthShowing(line) {
  return line.trim() !== "" && !/EBADENGINE|npm warn|npm notice/i.test(line);
}

function endGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone, which is what was wanted.
  }
}

function signalNumber(signal) {
  return { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 }[signal] ?? 0;
}

/** Ctrl-C and SIGTERM end the commands in their own groups, then this program with the code that shells expect. */
function endGroupsWithThisProgram() {
  if (listening) return;
  listening = true;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      for (const child of running) endGroup(child, "SIGKILL");
      process.exit(128 + signalNumber(signal));
    });
  }
}

/** Gives the signals back to their default, for a program that handles them itself from now on. */
export function stopListening() {
  if (!listening) return;
  listening = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(signal);
}
