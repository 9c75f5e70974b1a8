import type { Accelerator, Jetson } from "@sartor/shared/protocol";
import type { SystemFiles } from "../platform/index.js";
import { type DeviceTree, readProperty } from "./device-tree.js";
import { jetpackVersion, parseL4tRelease } from "./jetpack.js";
import { jetsonModule, moduleNumbers, tegraChip } from "./jetson-modules.js";
import { readPowerModes } from "./nvpmodel.js";
import { readPowerRails } from "./power-rails.js";
import { defined, shortText } from "./text.js";

/** What only a Jetson has, and its accelerators. */
export interface JetsonFacts {
  readonly jetson: Jetson;
  readonly accelerators: readonly Accelerator[];
}

/** I2C buses that module EEPROMs sit on: 0 (Orin, Xavier), 2 (Nano), 7 (TX2), 1 (some carriers). */
const EEPROM_BUSES = [0, 2, 7, 1];

/**
 * The 699-level part number in the module's EEPROM, e.g. "699-13767-0005-300 K.2": 30 bytes from offset 20
 * (Jetson Linux Developer Guide, "Jetson EEPROM Layout"). Only root may read it on most releases.
 */
async function readPartNumber(files: SystemFiles): Promise<string | undefined> {
  for (const bus of EEPROM_BUSES) {
    const bytes = await files.readBytes(`/sys/bus/i2c/devices/${bus}-0050/eeprom`);
    if (bytes === undefined || bytes.byteLength < 50) continue;
    const text = shortText(Buffer.from(bytes.subarray(20, 50)).toString("latin1"));
    if (text !== undefined && /^699-\d{5}-\d{4}-\d{3}( [A-Z]\.\d{1,2})?$/.test(text)) return text;
  }
  return undefined;
}

/** "699-13767-0005-300 K.2" names the module p3767-0005. */
const numberFromPart = (part: string | undefined): string | undefined =>
  part?.replace(/^699-\d(\d{4}-\d{4}).*$/, "p$1");

/** `nvidia,boardids` of JetPack 4: "3448:0000:A0" or "3448"; only the full form names a module. */
const numberFromBoardIds = (ids: string | undefined): string | undefined => {
  const match = /^(\d{4}):(\d{4})/.exec(ids ?? "");
  return match === null ? undefined : `p${match[1]}-${match[2]}`;
};

/** The first module number of a `compatible` list, unless the list names different modules: a guess would choose wrong limits. */
function oneModule(compatible: readonly string[]): string | undefined {
  const numbers = moduleNumbers(compatible);
  return new Set(numbers.map((number) => jetsonModule(number)?.name)).size === 1 ? numbers[0] : undefined;
}

/**
 * Recognises a Jetson and reads what only it has; undefined on every other machine.
 *
 * The module comes from the EEPROM where it may be read, else from the board ids, else from `compatible`. JetPack 5 names two
 * SKUs there for an Orin Nano (p3767-0003, p3767-0005): both are the 8 GB module, so the name is right either way.
 */
export async function readJetson(files: SystemFiles, tree: DeviceTree): Promise<JetsonFacts | undefined> {
  const chip = tegraChip(tree.compatible);
  const l4tRelease = parseL4tRelease(await files.readText("/etc/nv_tegra_release"));
  if (chip === undefined && l4tRelease === undefined) return undefined;
  const part = await readPartNumber(files);
  const boardIds = shortText(await readProperty(files, "nvidia,boardids"));
  const number = [numberFromPart(part), numberFromBoardIds(boardIds), oneModule(tree.compatible)].find(
    (candidate) => candidate !== undefined && jetsonModule(candidate) !== undefined,
  );
  const module = number === undefined ? undefined : jetsonModule(number);
  const power = await readPowerModes(files);
  const rails = await readPowerRails(files);
  const jetson = defined({
    module: module?.name ?? tree.model ?? "unknown-jetson",
    partNumber: part ?? number,
    l4tRelease,
    jetpackVersion: l4tRelease === undefined ? undefined : jetpackVersion(l4tRelease),
    powerMode: power.current,
    powerModes: power.modes.length === 0 ? undefined : power.modes,
    powerRails: rails.length === 0 ? undefined : rails.map((rail) => rail.name),
  }) as Jetson;
  const shared = { vendor: "nvidia", sharedMemory: true } as const;
  const accelerators: Accelerator[] = chip
    ? [{ kind: "gpu", ...shared, model: chip.gpu, computeCapability: chip.computeCapability }]
    : [];
  for (let core = 0; core < (module?.dlas ?? 0); core += 1) {
    accelerators.push({ kind: "dla", ...shared, model: `NVIDIA DLA ${core}` });
  }
  return { jetson, accelerators };
}
