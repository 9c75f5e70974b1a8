/**
 * `npm run faults -- [--cycles N] [--only KIND] [--devices N] [--seed S]`: injects faults as long as one likes, prints what was injected and what was violated, and ends with
 * 1 where anything was. SIGINT and SIGTERM end it after the cycle in hand. The seed and the events that are printed then repeat it.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startControlPlane } from "../support/control-plane.js";
import { register } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { startFaultyFleet } from "./faulty-fleet.js";
import { runFleetKills } from "./fleet-kills.js";
import { runFullDisk } from "./full-disk.js";
import { runKills, startKillDevice } from "./kill.js";
import { runBrokerFaults, runNudgeFaults, runReportFaults, startMessagesDevice } from "./messages.js";
import { NETWORK_FAULTS, runNetworkFaults } from "./network.js";
import { startNetworkFleet } from "./network-fleet.js";
import { runServerFaults, startServerBench } from "./server.js";
import { SMALL_DISK_BYTES, SmallDisk } from "./small-disk.js";
import { runStateFaults, STATE_FAULTS } from "./state-faults.js";

interface Outcome {
  readonly injected: ReadonlyMap<string, number>;
  readonly violations: readonly string[];
  readonly events?: readonly string[];
}

/** How a kind is run. */
interface RunOptions {
  readonly cycles: number;
  readonly seed: number;
  /** Devices of a network that is bad. */
  readonly devices: number;
}

let isInterrupted = false;
/** Ends a run after the cycle in hand. */
const isOver = () => isInterrupted;

/** What can be run, and what one cycle of it is. */
const KINDS: Readonly<Record<string, (options: RunOptions) => Promise<Outcome>>> = {
  /** A kill each. */
  kill: ({ cycles: injections, seed }) =>
    using(startKillDevice(), (device) => runKills(device, { seed, injections, isOver, onProgress: tell })),
  /** A kill each, of one of four devices of a real control plane. */
  fleet: ({ cycles: injections, seed }) =>
    using(startFaultyFleet({ devices: 4 }), (fleet) =>
      runFleetKills(fleet, { seed, injections, isOver, onProgress: tell }),
    ),
  /** A deployment on a device whose disk, files or clock are bad. */
  state: ({ cycles: injections, seed }) =>
    using(startKillDevice(), (device) =>
      runStateFaults(device, { seed, injections, kinds: STATE_FAULTS, isOver, onProgress: tell }),
    ),
  /** A deployment on a device whose disk is full. */
  disk: async ({ cycles: injections, seed }) => {
    const disk = SmallDisk.mount(SMALL_DISK_BYTES);
    if (disk === undefined) {
      process.stderr.write("LEFT OUT: disk. It mounts a small one, and that takes root\n");
      return { injected: new Map(), violations: [] };
    }
    try {
      return await using(startKillDevice(join(disk.folder, "state")), (device) =>
        runFullDisk(device, disk, { seed, injections, isOver, onProgress: tell }),
      );
    } finally {
      disk.unmount();
    }
  },
  /** A rollout to all devices over a bad line. */
  network: ({ cycles, seed, devices }) =>
    using(startNetworkFleet(devices), (fleet) =>
      runNetworkFaults(fleet, { seed, cycles, faults: NETWORK_FAULTS, isOver, onCycle: tell }),
    ),
  /** A hundred hints, a hundred reports, and a killed broker. */
  messages: async ({ cycles, seed }) => {
    const hints = await using(startMessagesDevice(), async (device) => [
      await runNudgeFaults(device, { seed, injections: 100 * cycles }),
      await runBrokerFaults(device, { seed, injections: cycles }),
    ]);
    const reports = await using(startControlPlane(), async (controlPlane) => {
      await register(controlPlane, buildTinyClassifier({ goldenVectors: 2 }));
      return runReportFaults(controlPlane, { seed, injections: 100 * cycles });
    });
    const runs = [...hints, reports];
    return {
      injected: new Map(runs.flatMap(({ injected }) => [...injected])),
      violations: runs.flatMap(({ violations }) => violations),
    };
  },
  /** A control plane that is killed or restarted in the middle of a rollout. */
  server: ({ cycles: injections, seed }) =>
    using(startServerBench(), (bench) => runServerFaults(bench, { seed, injections, onRollout: tell })),
};

async function using<T extends { stop(): Promise<void> }, R>(
  started: Promise<T>,
  use: (it: T) => Promise<R>,
): Promise<R> {
  const it = await started;
  try {
    return await use(it);
  } finally {
    await it.stop();
  }
}

let told = 0;
/** Says how far it is, now and then. */
function tell({ injected, violations }: Pick<Outcome, "injected" | "violations">): void {
  if (Date.now() - told < 30_000) return;
  told = Date.now();
  const total = [...injected.values()].reduce((sum, count) => sum + count, 0);
  process.stderr.write(`${new Date().toISOString()} ${total} injected, ${violations.length} violations\n`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      cycles: { type: "string", default: "20" },
      only: { type: "string" },
      devices: { type: "string", default: "4" },
      seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    },
  });
  const cycles = Number(values.cycles);
  const seed = Number(values.seed);
  const devices = Number(values.devices);
  const kinds = Object.keys(KINDS).filter((kind) => values.only === undefined || values.only === kind);
  if (
    !Number.isSafeInteger(cycles) ||
    cycles < 1 ||
    !Number.isSafeInteger(seed) ||
    !(devices >= 1 && devices <= 32) ||
    kinds.length === 0
  ) {
    process.stderr.write(
      `npm run faults -- [--cycles N] [--only ${Object.keys(KINDS).join("|")}] [--devices N] [--seed S]\n`,
    );
    return 2;
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => (isInterrupted = true));
  let isViolated = false;
  for (const kind of kinds) {
    const began = performance.now();
    const {
      injected,
      violations,
      events = [],
    } = await (KINDS[kind] as NonNullable<(typeof KINDS)[string]>)({ cycles, seed, devices });
    const seconds = ((performance.now() - began) / 1_000).toFixed(0);
    process.stdout.write(`\n${kind}, seed ${seed}, ${seconds} s, ${violations.length} violations\n`);
    for (const [fault, count] of [...injected].sort())
      process.stdout.write(`  ${String(count).padStart(7)}  ${fault}\n`);
    if (violations.length === 0) continue;
    isViolated = true;
    process.stdout.write(`${violations.map((each) => `VIOLATION ${each}\n`).join("")}${events.join("\n")}\n`);
  }
  return isViolated ? 1 : 0;
}

process.exit(await main());
