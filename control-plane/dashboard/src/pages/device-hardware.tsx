import type { Accelerator, Inventory } from "@sartor/shared/protocol";
import { Ago, EmptyState, type Fact, Facts, Panel } from "../components/index.js";
import { formatBytes, formatCount, formatFrequency, type Maybe, shortDigest } from "../format/index.js";

/** Everything of the inventory, in groups. */
export function DeviceHardware({
  inventory,
  at,
}: {
  readonly inventory: Inventory | null;
  readonly at: number | null;
}) {
  if (inventory === null) {
    return (
      <Panel title="Hardware">
        <EmptyState title="No inventory yet">
          <p>The agent sends it after its first connect, and whenever the hardware changes.</p>
        </EmptyState>
      </Panel>
    );
  }
  const aside = (
    <span class="muted small">
      inventory of <Ago at={at} />
      {inventory.emulated ? `, from the firmware profile ${inventory.emulatedProfile ?? "of an unknown name"}` : ""}
    </span>
  );
  return (
    <Panel title="Hardware" aside={aside}>
      <div class="groups">
        {hardwareGroups(inventory).map(([title, facts]) => (
          <section key={title}>
            <h3>{title}</h3>
            <Facts facts={facts} />
          </section>
        ))}
      </div>
    </Panel>
  );
}

type Group = readonly [title: string, facts: readonly Fact[]];

function hardwareGroups(inventory: Inventory): Group[] {
  const { board, memory, disk, jetson, runtime } = inventory;
  const groups: Group[] = [
    [
      "Board",
      [
        ["Manufacturer", board.manufacturer],
        ["Model", board.model],
        ["Compatible", board.compatible?.join(", ")],
        [
          "Serial hash",
          board.serialHash === undefined ? null : <code title={board.serialHash}>{shortDigest(board.serialHash)}</code>,
        ],
      ],
    ],
    ["Processor", processorFacts(inventory)],
    [
      "Memory and disk",
      [
        ["Memory", formatBytes(memory.totalBytes)],
        ["Swap", memory.swapBytes === undefined ? null : formatBytes(memory.swapBytes)],
        ["Disk", `${formatBytes(disk.availableBytes)} free of ${formatBytes(disk.totalBytes)}`],
        [
          "Disk path",
          <code key="path" class="wrap">
            {disk.path}
          </code>,
        ],
      ],
    ],
    ...inventory.accelerators.map(
      (each): Group => [acceleratorTitle(each, inventory.accelerators), acceleratorFacts(each)],
    ),
  ];
  if (jetson !== undefined) {
    groups.push([
      "Jetson",
      [
        ["Module", jetson.module],
        ["Part number", jetson.partNumber],
        ["L4T release", jetson.l4tRelease],
        ["JetPack", jetson.jetpackVersion],
        [
          "Power mode",
          jetson.powerMode === undefined ? null : `${jetson.powerMode.name ?? "mode"} (${jetson.powerMode.id})`,
        ],
        ["Power rails", jetson.powerRails?.join(", ")],
      ],
    ]);
  }
  groups.push(
    ["System", systemFacts(inventory)],
    [
      "Runtime",
      [
        ["Agent", runtime.agentVersion],
        ["Node.js", runtime.nodeVersion],
        ["ONNX Runtime", runtime.onnxRuntimeVersion],
        [
          "Execution providers",
          runtime.executionProviders.map((each) => `${each.name}${each.bundled ? "" : " (not bundled)"}`).join(", ") ||
            "none",
        ],
      ],
    ],
  );
  return groups;
}

function processorFacts({ cpu }: Inventory): Fact[] {
  const features = Object.entries(cpu.features);
  const listed = (present: boolean) =>
    features
      .filter(([, has]) => has === present)
      .map(([name]) => name)
      .join(", ");
  return [
    ["Architecture", cpu.architecture],
    ["Vendor", cpu.vendor],
    ["Model", cpu.model],
    ["Cores", coreText(cpu.physicalCores, cpu.logicalCores)],
    ["Highest clock", cpu.maximumFrequencyMhz === undefined ? null : formatFrequency(cpu.maximumFrequencyMhz)],
    ["Clusters", cpu.clusters?.map(clusterText).join(", ")],
    ["Extensions", listed(true) || "none of those that matter"],
    ["Lacks", listed(false)],
  ];
}

function coreText(physical: Maybe<number>, logical: number): string {
  return physical === undefined || physical === null || physical === logical
    ? formatCount(logical)
    : `${formatCount(physical)} physical, ${formatCount(logical)} logical`;
}

function clusterText(cluster: { core: string; count: number; maximumFrequencyMhz?: number | undefined }): string {
  const clock = cluster.maximumFrequencyMhz === undefined ? "" : ` at ${formatFrequency(cluster.maximumFrequencyMhz)}`;
  return `${cluster.count} × ${cluster.core}${clock}`;
}

/** The kind; with a number where there are several of it. */
function acceleratorTitle(accelerator: Accelerator, all: readonly Accelerator[]): string {
  const same = all.filter(({ kind }) => kind === accelerator.kind);
  const name = accelerator.kind === "other" ? "Accelerator" : accelerator.kind.toUpperCase();
  return same.length === 1 ? name : `${name} ${same.indexOf(accelerator) + 1}`;
}

function acceleratorFacts(accelerator: Accelerator): Fact[] {
  const memory = accelerator.memoryBytes === undefined ? null : formatBytes(accelerator.memoryBytes);
  return [
    ["Vendor", accelerator.vendor],
    ["Model", accelerator.model],
    ["Compute capability", accelerator.computeCapability],
    ["Memory", accelerator.sharedMemory ? `${memory ?? ""} shared with the processor`.trim() : memory],
    ["Driver", accelerator.driverVersion],
  ];
}

function systemFacts({ operatingSystem: system, network, thermalZones }: Inventory): Fact[] {
  return [
    ["System", [system.name, system.version].filter(Boolean).join(" ")],
    ["Kernel", system.kernel],
    ["glibc", system.glibc],
    ["Container", system.container === undefined ? null : system.container ? "yes" : "no"],
    ["Host name", network.hostname],
    ["Interfaces", network.interfaces.join(", ")],
    ["Thermal zones", thermalZones.map((zone) => zone.name).join(", ") || "none"],
  ];
}
