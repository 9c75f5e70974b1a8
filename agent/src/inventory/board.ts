import { createHash } from "node:crypto";
import type { Inventory } from "@sartor/shared/protocol";
import type { SystemFiles } from "../platform/index.js";
import type { DeviceTree } from "./device-tree.js";
import type { HostFacts } from "./host-probe.js";
import { defined, shortText } from "./text.js";

type Board = Inventory["board"];

/** What firmware writers leave in DMI fields that they never filled. */
const PLACEHOLDERS =
  /^(to be filled by o\.?e\.?m\.?|default string|system (product name|manufacturer|serial number)|not (specified|applicable|available)|none|n\/a|unknown|o\.?e\.?m\.?|0+|-|\.)$/i;

const meaningful = (value: string | undefined): string | undefined => {
  const text = shortText(value);
  return text === undefined || PLACEHOLDERS.test(text) ? undefined : text;
};

/** Manufacturers by the vendor prefix of the `compatible` string (the kernel's vendor-prefixes.yaml). */
const VENDOR_PREFIXES: Readonly<Record<string, string>> = {
  nvidia: "NVIDIA",
  raspberrypi: "Raspberry Pi",
  radxa: "Radxa",
  xunlong: "Xunlong (Orange Pi)",
  friendlyarm: "FriendlyElec",
  khadas: "Khadas",
  pine64: "Pine64",
  hardkernel: "Hardkernel",
  rockchip: "Rockchip",
};

/**
 * A salted hash of a serial number: tells two boards apart and recognises one again, without the number itself leaving
 * the device. The salt belongs to the installation, so that nobody can compare hashes of two fleets.
 */
export function hashSerial(serial: string, salt: string): string {
  return `sha256:${createHash("sha256").update(salt).update("\0").update(serial).digest("hex")}`;
}

/**
 * Names the board: device tree first (ARM boards), then DMI (PCs and servers), then what systeminformation found, last
 * what is certain of a virtual machine.
 */
export async function readBoard(
  files: SystemFiles,
  deviceTree: DeviceTree,
  options: { readonly serialSalt: string; readonly host?: HostFacts; readonly architecture: string },
): Promise<Board> {
  const dmi = async (name: string) => meaningful(await files.readText(`/sys/class/dmi/id/${name}`));
  const host = options.host;
  const virtual = host?.virtualHost === undefined ? undefined : `Virtual machine (${host.virtualHost})`;
  const prefix = deviceTree.compatible[0]?.split(",")[0] ?? "";
  const serial =
    meaningful(deviceTree.serialNumber) ??
    (await dmi("product_serial")) ??
    (await dmi("board_serial")) ??
    meaningful(host?.serial);
  return defined({
    manufacturer:
      VENDOR_PREFIXES[prefix] ??
      (await dmi("sys_vendor")) ??
      (await dmi("board_vendor")) ??
      meaningful(host?.manufacturer),
    model:
      deviceTree.model ??
      (await dmi("product_name")) ??
      (await dmi("board_name")) ??
      meaningful(host?.model) ??
      virtual ??
      `Unknown ${options.architecture} machine`,
    compatible: deviceTree.compatible.length === 0 ? undefined : [...deviceTree.compatible],
    serialHash: serial === undefined ? undefined : hashSerial(serial, options.serialSalt),
  }) as Board;
}
