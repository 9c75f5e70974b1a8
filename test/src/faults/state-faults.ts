import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ReportedState } from "@sartor/shared/protocol";
import { seededRandom } from "../support/seeded-random.js";
import { waitFor } from "../support/wait-for.js";
import { DeviceWatch } from "./device-watch.js";
import { count, drawOne, type FaultRun, newRun, total } from "./fault-run.js";
import { type FaultyDevice, GOOD } from "./faulty-device.js";

/** Faults of what a device stands on: its disk, what is on it, its clock. */
export const STATE_FAULTS = ["disk errors", "damaged files", "wrong clock"] as const;
export type StateFault = (typeof STATE_FAULTS)[number];

const YEAR_MS = 365.25 * 86_400_000;
/** How long a fault goes on, ms. */
const FAULTY_MS = 4_000;
/** Of file calls and database writes so many fail: a deployment makes some hundred. */
const ERROR_PROBABILITY = 0.004;

export interface StateFaultOptions {
  readonly seed: number;
  /** Cycles: each is one deployment under a fault, and what comes of it without. */
  readonly injections: number;
  readonly kinds?: readonly StateFault[];
  readonly isOver?: () => boolean;
  readonly onProgress?: (run: FaultRun) => void;
}

/** Deployments on a device whose disk fails, whose files somebody damages, whose clock is wrong; then all is well again, and it has to be as it should. */
export async function runStateFaults(device: FaultyDevice, options: StateFaultOptions): Promise<FaultRun> {
  const { seed, injections, kinds = STATE_FAULTS, isOver = () => false, onProgress } = options;
  const random = seededRandom(seed);
  const run = newRun(seed, device.events);
  const watch = new DeviceWatch(device, run);
  while (total(run) < injections && run.violations.length === 0 && !isOver()) {
    const wrong = (what: string) => {
      device.note(`VIOLATION: ${what}`);
      run.violations.push(what);
    };
    const { serving } = await device.settled();
    const at = GOOD.findIndex(({ manifest }) => manifest.version === serving.version);
    const next = GOOD[(at + 1) % GOOD.length] ?? GOOD[0];
    if (next === undefined) throw new Error("there are no bundles");
    const kind = drawOne(random, kinds);
    if (kind === "damaged files") await damageFiles(device, watch, random, run);
    else if (kind === "wrong clock") await setClockWrong(device, random, run);
    else failDisk(device, random, run);
    await device.orderNext(next);
    await underFault(device, FAULTY_MS * random());
    device.inject({});
    // Whatever it made of it: without the fault it comes to rest, if need be by being started again.
    if (kind === "wrong clock" || !device.isRunning) {
      await device.kill();
      device.start();
    }
    await bringToRest(device, watch, next, kind, wrong);
    onProgress?.(run);
  }
  return run;
}

/** Waits, without any fault any more, until what was ordered is done, and looks whether all is as it has to be. */
export async function bringToRest(
  device: FaultyDevice,
  watch: DeviceWatch,
  next: (typeof GOOD)[number],
  fault: string,
  wrong: (what: string) => void,
): Promise<void> {
  const report = await device.settled().catch(() => undefined);
  if (report === undefined) {
    wrong(`after ${fault} the deployment did not end: ${JSON.stringify(device.reported()).slice(0, 2_000)}`);
    return;
  }
  await judge(device, watch, report, next, wrong);
}

/** What failed under the fault is ordered again, and has to succeed then; a second deployment also clears what the fault left. */
async function judge(
  device: FaultyDevice,
  watch: DeviceWatch,
  report: ReportedState,
  next: (typeof GOOD)[number],
  wrong: (what: string) => void,
): Promise<void> {
  let now = report;
  if (now.deployment?.status !== "succeeded") {
    device.note(`the deployment ended as ${now.deployment?.status} ${now.deployment?.error?.code ?? ""}`);
    await device.orderNext(next);
    now = await device.settled();
    if (now.deployment?.status !== "succeeded")
      wrong(`${next.manifest.version} is ${now.deployment?.status} without any fault`);
  }
  await waitFor("its orders to be followed", () => device.reported()?.ordersRefusal === null, 60_000).catch(
    () => undefined,
  );
  await watch.settled(device.settledReport() ?? now);
}

/** Lets the fault do its work: until the deployment is over, or for so long; a process that ends is started again. */
async function underFault(device: FaultyDevice, forMs: number): Promise<void> {
  const until = performance.now() + forMs;
  while (performance.now() < until && device.settledReport() === undefined) {
    if (!device.isRunning) device.start();
    await sleep(25);
  }
}

function failDisk(device: FaultyDevice, random: () => number, run: FaultRun): void {
  const codes = drawOne<readonly ("ENOSPC" | "EIO")[]>(random, [["ENOSPC"], ["EIO"], ["ENOSPC", "EIO"]]);
  device.inject({ errors: { seed: Math.floor(random() * 2 ** 31), probability: ERROR_PROBABILITY, codes } });
  count(run, `disk errors: ${codes.join(" and ")}`);
}

async function setClockWrong(device: FaultyDevice, random: () => number, run: FaultRun): Promise<void> {
  const [what, offsetMs] = drawOne<readonly [string, number]>(random, [
    ["1970", -Date.now()],
    ["10 years ahead", 10 * YEAR_MS],
    ["10 years back", -10 * YEAR_MS],
    ["a day ahead", 86_400_000],
  ]);
  const isJump = random() < 0.4;
  count(run, `clock ${isJump ? "jumps" : "is wrong from the start"}: ${what}`);
  if (isJump) {
    device.inject({ clockJump: { step: drawOne(random, ["downloading", "installing", "probing"]), offsetMs } });
    return;
  }
  await device.kill("SIGTERM");
  device.inject({ clockOffsetMs: offsetMs });
  device.start();
}

/** Damages files of a device that is down: what a bad disk, or a cut of power on one, leaves. */
async function damageFiles(
  device: FaultyDevice,
  watch: DeviceWatch,
  random: () => number,
  run: FaultRun,
): Promise<void> {
  await device.kill();
  const files = readdirSync(device.folder, { recursive: true, encoding: "utf8" }).filter((path) => {
    // Whoever loses key or certificate is enrolled again: that is another story.
    if (path.startsWith("identity") || path.endsWith("factory-root.json")) return false;
    return statSync(join(device.folder, path), { throwIfNoEntry: false })?.isFile() === true;
  });
  const path = drawOne(random, files);
  const file = join(device.folder, path);
  const bytes = readFileSync(file);
  const how = drawOne(random, ["truncated", "zeroed", "emptied", "removed", "one byte changed"] as const);
  if (how === "truncated") truncateSync(file, Math.floor(bytes.byteLength * random()));
  else if (how === "zeroed") writeFileSync(file, Buffer.alloc(bytes.byteLength));
  else if (how === "emptied") truncateSync(file, 0);
  else if (how === "removed") rmSync(file);
  else {
    const at = Math.floor(bytes.byteLength * random());
    writeFileSync(
      file,
      bytes.map((byte, index) => (index === at ? byte ^ (1 + Math.floor(random() * 255)) : byte)),
    );
  }
  const kind = path.startsWith("slots")
    ? "bundle"
    : path.startsWith("trust")
      ? "metadata"
      : path.startsWith("state.db")
        ? "database"
        : "other";
  device.note(`${path} is ${how}`);
  count(run, `${kind} ${how}`);
  // A number that was damaged on purpose says nothing.
  watch.forgetFloors();
  device.start();
}
