import type { DeviceCapabilities, ProviderCapability } from "../hardware/index.js";
import type { Evidence } from "./evidence.js";

/**
 * Numbers of threads worth comparing on a provider, ascending: one, two, four, eight, half and all of the fast cores, and whatever devices of this
 * type measured. Accelerators take one: their host thread only waits.
 */
export function threadChoices(
  provider: ProviderCapability,
  variantName: string,
  capabilities: DeviceCapabilities,
  evidence: ReadonlyMap<string, Evidence>,
  maximumThreads: number | undefined,
): number[] {
  if (provider.facts.throughput.scale === "device") return [1];
  const most = Math.max(1, Math.min(capabilities.fastCores, maximumThreads ?? 256, 256));
  const prefix = `${variantName} ${provider.facts.name} `;
  const measured = [...evidence.keys()]
    .filter((key) => key.startsWith(prefix))
    .map((key) => Number.parseInt(key.slice(prefix.length), 10));
  const choices = [1, 2, 4, 8, Math.max(1, Math.floor(most / 2)), most, ...measured].filter(
    (threads) => threads <= most,
  );
  return [...new Set(choices)].sort((a, b) => a - b);
}
