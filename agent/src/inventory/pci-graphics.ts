import type { Accelerator } from "@sartor/shared/protocol";
import type { SystemFiles } from "../platform/index.js";
import type { HostFacts } from "./host-probe.js";
import { defined, shortText } from "./text.js";

const PCI = "/sys/bus/pci/devices";
/** PCI vendor ids (pci-ids.ucw.cz) of what could run a model; the others (server consoles, virtual screens) cannot. */
const VENDORS: Readonly<Record<string, { readonly vendor: Accelerator["vendor"]; readonly name: string }>> = {
  "0x8086": { vendor: "intel", name: "Intel" },
  "0x1002": { vendor: "amd", name: "AMD" },
  "0x10de": { vendor: "nvidia", name: "NVIDIA" },
};

/** Bus addresses differ by the leading domain: sysfs says 0000:00:02.0, lspci and systeminformation say 00:02.0. */
const sameBus = (a: string, b: string): boolean => a !== "" && b !== "" && (a.endsWith(b) || b.endsWith(a));

/**
 * Graphics processors on the PCI bus: class 0x03 (display) and 0x12 (processing accelerators). systeminformation gives the name
 * where it ran; without it the PCI ids are the name. An Intel or AMD device at bus 00 is inside the processor and shares its memory.
 */
export async function readPciGraphics(files: SystemFiles, host: HostFacts | undefined): Promise<Accelerator[]> {
  const found: Accelerator[] = [];
  for (const address of await files.list(PCI)) {
    const pciClass = (await files.readText(`${PCI}/${address}/class`))?.trim() ?? "";
    if (!/^0x(03|12)/.test(pciClass)) continue;
    const vendor = VENDORS[(await files.readText(`${PCI}/${address}/vendor`))?.trim() ?? ""];
    if (vendor === undefined) continue;
    const device = (await files.readText(`${PCI}/${address}/device`))?.trim() ?? "unknown";
    const named = host?.graphics.find((controller) => sameBus(address, controller.busAddress));
    const shared = vendor.vendor !== "nvidia" && /^0000:00:/.test(address);
    found.push(
      defined({
        kind: "gpu" as const,
        vendor: vendor.vendor,
        model: shortText(named?.model) ?? `${vendor.name} graphics ${device}`,
        // What an integrated one says of memory is an aperture, not memory of its own.
        memoryBytes: shared || named?.memoryMegabytes === undefined ? undefined : named.memoryMegabytes * 1024 * 1024,
        driverVersion: shortText(named?.driverVersion),
        sharedMemory: shared,
      }) as Accelerator,
    );
  }
  return found;
}
