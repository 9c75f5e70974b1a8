/**
 * Loaded into the real agent with `--import`, before it: injects what {@link InjectedFault} says into the calls that change its state folder. SQLite writes
 * its file by itself: it is reached at its statements, and what it wrote is never lost here.
 */
import fs from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { StatementSync } from "node:sqlite";
import { isMainThread } from "node:worker_threads";
import { seededRandom } from "../support/seeded-random.js";
import { FAULT_MARK, type InjectedFault } from "./injected-fault.js";
import { UnsyncedChanges } from "./unsynced-changes.js";

// biome-ignore lint/suspicious/noExplicitAny: functions of any kind are wrapped.
type Any = any;

const { SARTOR_FAULTS: file, SARTOR_AGENT_STATE_DIR: state } = process.env;
const { readFileSync, writeSync } = fs;

if (file !== undefined && state !== undefined && isMainThread) install(file, state);

function install(plan: string, root: string): void {
  const changes = new UnsyncedChanges();
  let text = "";
  let fault: InjectedFault = {};
  let random = seededRandom(1);
  let calls = 0;
  let offsetMs = 0;
  const say = (what: string) => void writeSync(2, `${FAULT_MARK} ${what}\n`);

  const look = () => {
    const now = readFileSync(plan, "utf8");
    if (now === text) return;
    text = now;
    fault = JSON.parse(now) as InjectedFault;
    random = seededRandom(fault.errors?.seed ?? 1);
    calls = 0;
    offsetMs = fault.clockOffsetMs ?? 0;
  };

  const die = (where: string): void => {
    if (fault.losingUnsynced !== undefined) {
      const lost = changes.lose(seededRandom(fault.losingUnsynced));
      for (const what of lost) say(`lost ${what}`);
    }
    say(`killed ${where}`);
    process.kill(process.pid, "SIGKILL");
  };

  const failNow = (what: string): void => {
    const { errors } = fault;
    if (errors === undefined || random() >= errors.probability) return;
    const code = errors.codes[Math.floor(random() * errors.codes.length)] ?? "EIO";
    say(`${code} at ${what}`);
    throw Object.assign(new Error(`${code}: injected, ${what}`), {
      code,
      errno: code === "EIO" ? -5 : -28,
      syscall: what,
    });
  };

  const isOurs = (path: unknown): path is string => typeof path === "string" && path.startsWith(root);
  /** In front of every change of the state folder. */
  const change = (what: string, path: string) => {
    look();
    calls += 1;
    if (calls === fault.killAtCall) die(`at ${what} ${path.slice(root.length)}`);
    failNow(`${what} ${path.slice(root.length)}`);
  };
  const wrap = (of: Any, name: string, make: (call: (...given: Any[]) => Any) => (...given: Any[]) => Any) => {
    const original = of[name];
    of[name] = function (this: unknown, ...given: Any[]) {
      return make((...passed) => original.apply(this, passed)).apply(this, given);
    };
  };

  const paths = new Map<number, string>();
  const isWriting = (flags: unknown) => typeof flags === "string" && flags !== "r";
  const opens = (path: unknown, flags: unknown) => {
    if (!isOurs(path) || !isWriting(flags)) return;
    change("open", path);
    changes.noteWrite(path);
  };
  wrap(fs, "openSync", (call) => (path, flags, ...rest) => {
    opens(path, flags);
    const handle = call(path, flags, ...rest) as number;
    if (isOurs(path)) paths.set(handle, path);
    else paths.delete(handle);
    return handle;
  });
  wrap(fs, "writeSync", (call) => (handle, ...rest) => {
    const path = paths.get(handle);
    if (path !== undefined) change("write", path);
    return call(handle, ...rest);
  });
  wrap(fs, "fsyncSync", (call) => (handle) => {
    const path = paths.get(handle);
    if (path !== undefined) change("fsync", path);
    call(handle);
    if (path !== undefined) changes.noteSync(path);
  });
  for (const name of ["mkdirSync", "rmSync", "symlinkSync", "copyFileSync"]) {
    wrap(fs, name, (call) => (...given) => {
      const path = name === "symlinkSync" || name === "copyFileSync" ? given[1] : given[0];
      if (!isOurs(path)) return call(...given);
      change(name.replace("Sync", ""), path);
      if (name === "copyFileSync") changes.noteWrite(path);
      else if (name !== "mkdirSync" || !fs.existsSync(path)) changes.noteReplace(path);
      return call(...given);
    });
  }
  wrap(fs, "renameSync", (call) => (from, to) => {
    if (!isOurs(to)) return call(from, to);
    change("rename", to);
    changes.noteRename(from, to);
    return call(from, to);
  });
  wrap(fs, "readFileSync", (call) => (path, ...rest) => {
    if (isOurs(path)) failNow(`read ${path.slice(root.length)}`);
    return call(path, ...rest);
  });
  wrap(promises, "open", (call) => async (path, flags, ...rest) => {
    opens(path, flags);
    const handle = (await call(path, flags, ...rest)) as fs.promises.FileHandle;
    if (isOurs(path)) paths.set(handle.fd, path);
    else paths.delete(handle.fd);
    spoil(handle);
    return handle;
  });
  let isSpoilt = false;
  /** Every handle has the same prototype; there is none before the first was opened. */
  const spoil = (handle: fs.promises.FileHandle) => {
    if (isSpoilt) return;
    isSpoilt = true;
    const prototype = Object.getPrototypeOf(handle);
    for (const name of ["write", "truncate", "sync"]) {
      const original = prototype[name];
      prototype[name] = async function (this: fs.promises.FileHandle, ...given: Any[]) {
        const path = paths.get(this.fd);
        if (path !== undefined) change(name, path);
        const result = await original.apply(this, given);
        if (path !== undefined && name === "sync") changes.noteSync(path);
        return result;
      };
    }
  };
  syncBuiltinESMExports();

  const run = StatementSync.prototype.run as (...given: Any[]) => Any;
  (StatementSync.prototype as Any).run = function (this: StatementSync, ...given: Any[]) {
    look();
    const step = given[0] === "deployment" ? journalled(given[1]) : undefined;
    const { killAtStep, clockJump } = fault;
    const isDue = step !== undefined && step === killAtStep?.step;
    if (isDue && killAtStep?.when === "before") die(`before ${step} is journalled`);
    try {
      failNow("a write to the database");
    } catch (error) {
      const full = (error as { code: string }).code === "ENOSPC";
      throw Object.assign(new Error(full ? "database or disk is full" : "disk I/O error"), {
        code: "ERR_SQLITE_ERROR",
        errcode: full ? 13 : 10,
      });
    }
    const result = run.apply(this, given);
    if (isDue) die(`after ${step} was journalled`);
    if (step !== undefined && step === clockJump?.step && offsetMs !== clockJump.offsetMs) {
      offsetMs = clockJump.offsetMs;
      say(`the clock jumped at ${step}`);
    }
    return result;
  };

  const { Date: RealDate } = globalThis;
  const now = () => RealDate.now() + offsetMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given) => (given.length === 0 ? new target(now()) : Reflect.construct(target, given)),
    apply: () => new RealDate(now()).toString(),
    get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
  });
  look();
}

/** The step that the journal is about to hold. */
function journalled(value: unknown): string | undefined {
  const { record } = JSON.parse(String(value)) as { record: { step: string } | null };
  return record?.step;
}
