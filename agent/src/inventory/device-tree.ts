import type { SystemFiles } from "../platform/index.js";
import { shortText, stringList } from "./text.js";

/** What the device tree says of the board; everything is absent on a machine without one (most x86). */
export interface DeviceTree {
  readonly model?: string;
  /** `compatible` of the root, most specific first. */
  readonly compatible: readonly string[];
  readonly serialNumber?: string;
}

/** Where Linux shows the device tree; the first is a link to the second, which some containers lack. */
const ROOTS = ["/proc/device-tree", "/sys/firmware/devicetree/base"];

/** Reads one property of the device tree's root node, or of a node below it. */
export async function readProperty(files: SystemFiles, property: string): Promise<string | undefined> {
  for (const root of ROOTS) {
    const text = await files.readText(`${root}/${property}`);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Names of the nodes and properties of the root node. */
export async function listRoot(files: SystemFiles): Promise<readonly string[]> {
  for (const root of ROOTS) {
    const names = await files.list(root);
    if (names.length > 0) return names;
  }
  return [];
}

/** Reads what identifies the board. */
export async function readDeviceTree(files: SystemFiles): Promise<DeviceTree> {
  const model = shortText(await readProperty(files, "model"));
  const serialNumber = shortText(await readProperty(files, "serial-number"));
  return {
    ...(model === undefined ? {} : { model }),
    compatible: stringList(await readProperty(files, "compatible")).slice(0, 32),
    ...(serialNumber === undefined ? {} : { serialNumber }),
  };
}
