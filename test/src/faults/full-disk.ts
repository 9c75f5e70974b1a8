import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../support/seeded-random.js";
import { waitFor } from "../support/wait-for.js";
import { DeviceWatch } from "./device-watch.js";
import { count, drawOne, type FaultRun, newRun, total } from "./fault-run.js";
import { type FaultyDevice, GOOD } from "./faulty-device.js";
import type { SmallDisk } from "./small-disk.js";
import { bringToRest } from "./state-faults.js";

/** When the disk gets full. */
export const FULL_DISK_FAULTS = ["full before it starts", "filled in mid-update"] as const;
export type FullDiskFault = (typeof FULL_DISK_FAULTS)[number];

/** What is left of the disk, bytes: nothing, a page, room for metadata, room for the database and not for a bundle. */
const LEFT = [0, 4_096, 65_536, 262_144] as const;
/** How long it stays full at most, ms. */
const FULL_MS = 5_000;
/** In this time a device that starts on a full disk has to serve, ms: it reads its database and loads its model. */
const SERVES_WITHIN_MS = 30_000;

export interface FullDiskOptions {
  readonly seed: number;
  readonly injections: number;
  readonly kinds?: readonly FullDiskFault[];
  readonly isOver?: () => boolean;
  readonly onProgress?: (run: FaultRun) => void;
}

/**
 * Deployments on a device whose disk is full, really: a tmpfs that something else filled. What serves goes on serving, also where the device starts on
 * the full disk; once there is room again what was ordered is done.
 */
export async function runFullDisk(device: FaultyDevice, disk: SmallDisk, options: FullDiskOptions): Promise<FaultRun> {
  const { seed, injections, kinds = FULL_DISK_FAULTS, isOver = () => false, onProgress } = options;
  const random = seededRandom(seed);
  const run = newRun(seed, device.events);
  const watch = new DeviceWatch(device, run);
  while (total(run) < injections && run.violations.length === 0 && !isOver()) {
    const { serving } = await device.settled();
    const at = GOOD.findIndex(({ manifest }) => manifest.version === serving.version);
    const [before, next] = [GOOD[at], GOOD[(at + 1) % GOOD.length]];
    if (before === undefined || next === undefined) throw new Error("it serves none of the bundles");
    const kind = drawOne(random, kinds);
    const left = drawOne(random, LEFT);
    const wrong = (what: string) => {
      device.note(`VIOLATION: ${what}`);
      run.violations.push(what);
    };
    const fill = () => {
      disk.fill(left);
      device.note(`${kind}: ${disk.freeBytes} bytes are left of the disk`);
    };
    if (kind === "full before it starts") {
      await device.kill(drawOne(random, ["SIGKILL", "SIGTERM"]));
      fill();
      device.start();
      await device.orderNext(next);
    } else {
      await device.orderNext(next);
      await sleep(1_500 * random());
      fill();
    }
    count(run, `${kind}, ${left} bytes left`);
    const answers = async () => {
      if (!device.isRunning) device.start();
      return (await device.ask(before)) !== undefined || undefined;
    };
    await waitFor("an answer", answers, SERVES_WITHIN_MS, 100).catch(() =>
      wrong(`nothing answers although the disk is only full (${kind}, ${left} bytes left)`),
    );
    await sleep(FULL_MS * random());
    disk.clear();
    device.note("there is room again");
    await bringToRest(device, watch, next, kind, wrong);
    onProgress?.(run);
  }
  return run;
}
