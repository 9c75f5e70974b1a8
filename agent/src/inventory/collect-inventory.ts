import { type Accelerator, type Inventory, inventorySchema, PROTOCOL_VERSION } from "@sartor/shared/protocol";
import type { Clock, DiskSpace, RunCommand, SystemFiles } from "../platform/index.js";
import { readBoard } from "./board.js";
import { readCpu } from "./cpu.js";
import { type DeviceTree, readDeviceTree } from "./device-tree.js";
import { type HostFacts, probeHost } from "./host-probe.js";
import { readJetson } from "./jetson.js";
import { readMemory } from "./memory.js";
import { readNetwork } from "./network.js";
import { readNvidiaGpus } from "./nvidia.js";
import { readOperatingSystem } from "./operating-system.js";
import { readPciGraphics } from "./pci-graphics.js";
import { type ProbeCache, readRuntime } from "./runtime.js";
import { readSocAccelerators } from "./soc-accelerators.js";
import { readThermalZones } from "./thermal.js";

/** Everything that the inventory is read from; a test gives a board's tree and recorded command output. */
export interface InventoryDependencies {
  readonly files: SystemFiles;
  readonly run: RunCommand;
  readonly clock: Pick<Clock, "now">;
  readonly diskSpace: (path: string) => Promise<DiskSpace>;
  /** Folder whose file system is reported: where bundles will be installed. */
  readonly statePath: string;
  readonly agentVersion: string;
  /** Secret of this installation; without it a serial number's hash could be looked up. */
  readonly serialSalt: string;
  /** Version of the C library, see {@link ownGlibcVersion}. */
  readonly glibc?: string | undefined;
  readonly probeCache?: ProbeCache;
  /** False where `files` is not this machine's root: the child that asks this machine would answer for another. Default true. */
  readonly probeThisMachine?: boolean;
  /** Told what could not be found out; the inventory is complete without it. */
  readonly onProblem?: (problem: string) => void;
}

/** Discrete NVIDIA cards as nvidia-smi knows them, other graphics from the bus; a card whose driver is missing is listed without details. */
async function readGraphics(dependencies: InventoryDependencies, host: HostFacts | undefined): Promise<Accelerator[]> {
  const nvidia = await readNvidiaGpus(dependencies.run);
  const pci = await readPciGraphics(dependencies.files, host);
  return [...nvidia, ...pci.filter((device) => device.vendor !== "nvidia" || nvidia.length === 0)];
}

async function readAccelerators(dependencies: InventoryDependencies, tree: DeviceTree, host: HostFacts | undefined) {
  const tegra = await readJetson(dependencies.files, tree);
  // JetPack 6 ships an nvidia-smi that knows nothing of the integrated GPU, so a Jetson never asks it.
  if (tegra !== undefined) return { jetson: tegra.jetson, accelerators: [...tegra.accelerators] };
  const soc = await readSocAccelerators(dependencies.files, tree);
  return { jetson: undefined, accelerators: [...soc, ...(await readGraphics(dependencies, host))].slice(0, 32) };
}

/**
 * Reads what this device is and what it can run.
 *
 * @throws ZodError when a reader produced what the protocol does not allow; that is a defect of a reader, not of the device
 */
export async function collectInventory(dependencies: InventoryDependencies): Promise<Inventory> {
  const { files } = dependencies;
  const tree = await readDeviceTree(files);
  let host: HostFacts | undefined;
  // Boards with a device tree say everything there; systeminformation knows more on PCs, servers and virtual machines.
  if (dependencies.probeThisMachine !== false && tree.compatible.length === 0) {
    const answer = await probeHost(dependencies.run);
    if ("found" in answer) host = answer.found;
    else dependencies.onProblem?.(answer.problem);
  }
  const cpu = await readCpu(files);
  const { jetson, accelerators } = await readAccelerators(dependencies, tree, host);
  const disk = await dependencies.diskSpace(dependencies.statePath);
  return inventorySchema.parse({
    schemaVersion: PROTOCOL_VERSION,
    collectedAt: dependencies.clock.now(),
    emulated: false,
    board: await readBoard(files, tree, {
      serialSalt: dependencies.serialSalt,
      architecture: cpu.architecture,
      ...(host === undefined ? {} : { host }),
    }),
    cpu,
    memory: await readMemory(files),
    disk: { path: dependencies.statePath, ...disk },
    accelerators,
    ...(jetson === undefined ? {} : { jetson }),
    thermalZones: await readThermalZones(files),
    operatingSystem: await readOperatingSystem(files, dependencies.glibc),
    network: await readNetwork(files),
    runtime: await readRuntime({
      agentVersion: dependencies.agentVersion,
      run: dependencies.run,
      ...(dependencies.probeCache === undefined ? {} : { cache: dependencies.probeCache }),
      ...(dependencies.onProblem === undefined ? {} : { onProblem: dependencies.onProblem }),
    }),
  });
}
