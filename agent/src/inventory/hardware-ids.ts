import { arch, platform } from "node:os";
import type { HardwareId } from "@sartor/shared/protocol";
import { emulatedArchitecture } from "./emulated-inventory.js";

/** Bundles are made for these. */
const ARCHITECTURES: readonly string[] = ["x64", "arm64"];

/**
 * The kind of hardware that a device is where nobody named one: `linux-x64`, `linux-arm64`, or what else Node runs on. An emulated device is
 * what it emulates, since that decides which bundles are for it.
 *
 * @param emulatedInventory its inventory file
 * @throws SartorError SRT_CONFIG_INVALID when that cannot be read
 */
export async function defaultHardware(emulatedInventory: string | undefined): Promise<readonly HardwareId[]> {
  if (emulatedInventory !== undefined) {
    const architecture = await emulatedArchitecture(emulatedInventory);
    if (ARCHITECTURES.includes(architecture)) return [`linux-${architecture}`];
  }
  return [`${platform()}-${arch()}`];
}
