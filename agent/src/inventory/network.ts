import type { Inventory } from "@sartor/shared/protocol";
import type { SystemFiles } from "../platform/index.js";
import { byNumber, shortText } from "./text.js";

/**
 * Host name and network interfaces that are hardware. Virtual ones (bridges, containers, tunnels) come and go and would
 * make the inventory "change" all day; where only virtual ones exist (inside a container), those are named.
 */
export async function readNetwork(files: SystemFiles): Promise<Inventory["network"]> {
  const all = (await files.list("/sys/class/net")).filter((name) => name !== "lo" && name !== "bonding_masters");
  const virtual = new Set(await files.list("/sys/devices/virtual/net"));
  const physical = all.filter((name) => !virtual.has(name));
  return {
    hostname: shortText(await files.readText("/proc/sys/kernel/hostname")) ?? "unknown",
    interfaces: (physical.length > 0 ? physical : all)
      .map((name) => name.slice(0, 256))
      .sort(byNumber)
      .slice(0, 64),
  };
}
