import { closeSync, openSync, readSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../support/seeded-random.js";
import { count, drawOne, type FaultRun, newRun, total } from "./fault-run.js";
import type { FaultyDevice, FaultyFleet } from "./faulty-fleet.js";
import { FleetInvariants } from "./fleet-invariants.js";

/** Steps that an agent writes into its journal, as its log names them when it begins one. */
const STEPS = ["begin", "download", "verify", "install", "activate", "probe", "commit"] as const;
const FLEET_KILLS = [...STEPS.map((step) => `killed at ${step}`), "killed at random"] as const;
type FleetKill = (typeof FLEET_KILLS)[number];

/** Most that a device is killed in one rollout: it has to come to its end some time. */
const MOST_KILLS = 5;
/** A random kill comes so long after a start or an order at the latest, ms. */
const LONGEST_LIFE_MS = 1_500;
/** A step that does not come within this is not waited for any more, ms: it may be over already. */
const STEP_WITHIN_MS = 8_000;

export interface FleetKillOptions {
  readonly seed: number;
  /** Kills in all, at least. */
  readonly injections: number;
  readonly isOver?: () => boolean;
  readonly onProgress?: (run: FaultRun) => void;
}

/** Rollouts during which agents are killed; after each, everything that is promised is looked at. */
export async function runFleetKills(fleet: FaultyFleet, options: FleetKillOptions): Promise<FaultRun> {
  const { seed, injections, isOver = () => false, onProgress } = options;
  const random = seededRandom(seed);
  const run = newRun(seed);
  const invariants = new FleetInvariants(fleet, run.violations);
  while (total(run) < injections && !isOver()) {
    // A step comes once a rollout: most kills are at random.
    const fault = random() < 0.9 ? "killed at random" : drawOne(random, FLEET_KILLS);
    const wanted = await fleet.release();
    const former = new Map<string, string>();
    for (const device of fleet.devices) {
      former.set(device.deviceId, (await device.view()).reported?.slots.active?.version ?? "");
    }
    const marks = fleet.devices.map((device) => sizeOf(device.agent.logFile));
    const rolloutId = await fleet.order(wanted);
    await Promise.all(
      fleet.devices.map(async (device, index) => {
        // A step comes once: whoever is started again goes on behind it, or does it again at once.
        const kills = fault === "killed at random" ? 1 + Math.floor(random() * MOST_KILLS) : 1;
        for (let kill = 0; kill < kills; kill++) {
          await momentOf(fault, device, marks[index] ?? 0, random);
          await device.kill();
          count(run, fault);
          invariants.lookAtFloors(device, fault);
          marks[index] = sizeOf(device.agent.logFile);
          await device.start();
        }
      }),
    );
    await invariants.settle(rolloutId, former, wanted, `${fault}, seed ${seed}`);
    onProgress?.(run);
  }
  return run;
}

/** Waits until it is time to kill. */
async function momentOf(fault: FleetKill, device: FaultyDevice, mark: number, random: () => number): Promise<void> {
  const step = STEPS.find((each) => fault === `killed at ${each}`);
  if (step === undefined) return void (await sleep(random() * LONGEST_LIFE_MS));
  const deadline = performance.now() + STEP_WITHIN_MS;
  while (performance.now() < deadline && !textFrom(device.agent.logFile, mark).includes(`step action=${step}\n`))
    await sleep(3);
  // Within the step, not only before it.
  await sleep(random() * 20);
}

const sizeOf = (path: string) => statSync(path).size;

function textFrom(path: string, offset: number): string {
  const length = sizeOf(path) - offset;
  if (length <= 0) return "";
  const buffer = Buffer.alloc(length);
  const file = openSync(path, "r");
  try {
    return buffer.subarray(0, readSync(file, buffer, 0, length, offset)).toString();
  } finally {
    closeSync(file);
  }
}
