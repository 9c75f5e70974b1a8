import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../support/seeded-random.js";
import type { TinyBundle } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { DeviceWatch } from "./device-watch.js";
import { count, type FaultRun, newRun, total } from "./fault-run.js";
import { BAD, FaultyDevice, GOOD } from "./faulty-device.js";
import { readSettings } from "./invariants.js";

/** How an agent may be killed. */
export const KILLS = ["at a step", "at random", "power cut"] as const;
export type Kill = (typeof KILLS)[number];

/** Steps that the journal names on the way of a bundle that is good, and of one that is not. */
const STEPS_OF_GOOD = [
  "downloading",
  "verifying",
  "installing",
  "activating",
  "probing",
  "committing",
  "done",
] as const;
const STEPS_OF_BAD = [
  "downloading",
  "verifying",
  "installing",
  "activating",
  "probing",
  "rolling_back",
  "done",
] as const;
/** So many deaths in activation or probe and the bundle is given up. */
const GIVEN_UP_AFTER = 3;
/** The longest time from an agent's start to the end of a deployment, ms: random kills come within it. */
const SPAN_MS = 1_600;
const HANGS_AFTER_MS = 60_000;

export interface KillOptions {
  readonly seed: number;
  /** Kills, at least. */
  readonly injections: number;
  readonly kinds?: readonly Kill[];
  readonly isOver?: () => boolean;
  readonly onProgress?: (run: FaultRun) => void;
}

/** A device with both slots filled. */
export async function startKillDevice(stateFolder?: string): Promise<FaultyDevice> {
  const device = await FaultyDevice.create(stateFolder);
  device.start();
  for (const bundle of GOOD.slice(0, 2)) {
    await device.orderNext(bundle);
    await device.settled();
  }
  // An orderly end keeps what was compiled.
  await device.kill("SIGTERM");
  return device;
}

/** Kills the agent in the middle of one deployment after the other, several times in each. */
export async function runKills(device: FaultyDevice, options: KillOptions): Promise<FaultRun> {
  const { seed, injections, kinds = KILLS, isOver = () => false, onProgress } = options;
  const random = seededRandom(seed);
  const run = newRun(seed, device.events);
  const watch = new DeviceWatch(device, run);
  /** Calls in front of which the power is cut, one after the other. */
  let nextCall = 1;
  for (let turn = 0; total(run) < injections && run.violations.length === 0 && !isOver(); turn++) {
    const before = await serving(device);
    const bundle = random() < 0.15 ? BAD : nextGood(before);
    const deaths = new Deaths(device, watch, run, [before, bundle.manifest.version]);
    const kind = kinds[turn % kinds.length];
    if (kind === "at a step") await atSteps(device, bundle, random, deaths);
    else if (kind === "at random") await atRandom(device, bundle, random, deaths);
    else {
      const isKilled = await powerCut(device, bundle, { call: nextCall, seed: Math.floor(random() * 2 ** 31) }, deaths);
      nextCall = isKilled ? nextCall + 1 : 1;
    }
    await judge(device, watch, bundle, deaths, run);
    onProgress?.(run);
  }
  return run;
}

/** The version that serves; an agent that is down is started. */
async function serving(device: FaultyDevice): Promise<string> {
  if (device.order.generation === 0) throw new Error("nothing was ordered yet");
  return (await device.settled()).serving.version ?? "";
}

/** One that neither slot holds. */
function nextGood(version: string): TinyBundle {
  const at = GOOD.findIndex(({ manifest }) => manifest.version === version);
  return GOOD[(at + 1) % GOOD.length] as TinyBundle;
}

/** What died how often in one deployment. */
class Deaths {
  /** In activation or probe, which is counted by the agent. */
  provisional = 0;
  readonly #device: FaultyDevice;
  readonly #watch: DeviceWatch;
  readonly #run: FaultRun;
  readonly #allowed: readonly string[];

  constructor(device: FaultyDevice, watch: DeviceWatch, run: FaultRun, allowed: readonly string[]) {
    this.#device = device;
    this.#watch = watch;
    this.#run = run;
    this.#allowed = allowed;
  }

  /** The agent is down: looks at what it left. */
  note(fault: string): void {
    const journal = readSettings(this.#device.folder, false).get("deployment") as
      | { record: { status: string; step: string } | null }
      | undefined;
    const { status, step = "" } = journal?.record ?? {};
    if (status === "in_progress" && ["activating", "probing"].includes(step)) this.provisional += 1;
    this.#device.note(`dead by "${fault}", the journal says ${step} ${status}`);
    count(this.#run, fault);
    this.#watch.dead(this.#allowed);
  }
}

async function atSteps(device: FaultyDevice, bundle: TinyBundle, random: () => number, deaths: Deaths): Promise<void> {
  const isGivenUp = random() < 0.1;
  const steps = bundle === BAD ? STEPS_OF_BAD : STEPS_OF_GOOD;
  await device.orderNext(bundle);
  for (const step of steps) {
    for (const when of ["before", "after"] as const) {
      const isProvisional =
        ["after activating", "before probing", "after probing"].includes(`${when} ${step}`) ||
        (when === "before" && ["committing", "rolling_back"].includes(step));
      // One more and the agent gives the bundle up: that has its turn, too.
      if (isProvisional && !isGivenUp && (deaths.provisional >= GIVEN_UP_AFTER - 1 || random() < 0.4)) continue;
      device.inject({ killAtStep: { step, when } });
      if (!(await diesOrSettles(device))) return device.inject({});
      deaths.note(`kill ${when} ${step}`);
    }
  }
  device.inject({});
}

async function atRandom(device: FaultyDevice, bundle: TinyBundle, random: () => number, deaths: Deaths): Promise<void> {
  const kills = 5 + Math.floor(random() * 25);
  for (let kill = 0; kill < kills; kill++) {
    if (!device.isRunning) device.start();
    if (kill === 0) await device.orderNext(bundle);
    await sleep(random() * SPAN_MS);
    await device.kill();
    deaths.note("kill at random");
    if (device.settledReport() !== undefined) return;
  }
}

/** @returns whether so many calls were made at all */
async function powerCut(
  device: FaultyDevice,
  bundle: TinyBundle,
  { call, seed }: { call: number; seed: number },
  deaths: Deaths,
): Promise<boolean> {
  device.inject({ killAtCall: call, losingUnsynced: seed });
  await device.orderNext(bundle);
  const isKilled = await diesOrSettles(device);
  device.inject({});
  if (isKilled) deaths.note("power cut at a file call");
  return isKilled;
}

/** Waits until the agent dies of what was injected, or its deployment has ended without; says which. */
async function diesOrSettles(device: FaultyDevice): Promise<boolean> {
  if (!device.isRunning) device.start();
  await waitFor(
    "the agent to die or to end its deployment",
    () => !device.isRunning || device.settledReport() !== undefined,
    HANGS_AFTER_MS,
    10,
  );
  // It may die right after the report of the end.
  if (device.isRunning && !(await device.ended(100))) return false;
  return device.ended(HANGS_AFTER_MS);
}

async function judge(
  device: FaultyDevice,
  watch: DeviceWatch,
  bundle: TinyBundle,
  deaths: Deaths,
  run: FaultRun,
): Promise<void> {
  const wrong = (what: string) => {
    device.note(`VIOLATION: ${what}`);
    run.violations.push(what);
  };
  const report = await device.settled().catch(() => undefined);
  if (report === undefined)
    return wrong(`the deployment did not end: ${JSON.stringify(device.reported()?.deployment)}`);
  const { status, error } = report.deployment ?? {};
  const isGivenUp = error?.code === "SRT_PROBE_LOOP" && deaths.provisional >= GIVEN_UP_AFTER;
  const isRight = bundle === BAD ? status === "failed" : status === "succeeded" || isGivenUp;
  if (!isRight)
    wrong(`${bundle.manifest.version} is ${status} ${error?.code ?? ""} after ${deaths.provisional} deaths`);
  await watch.settled(report);
  if (status !== "succeeded" || watch.leftover().length === 0) return;
  await device.orderNext(nextGood(bundle.manifest.version));
  await watch.settled(await device.settled());
  for (const leak of watch.leftover()) wrong(leak);
}
