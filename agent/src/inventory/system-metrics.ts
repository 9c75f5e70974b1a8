import type { TelemetryWindow } from "@sartor/shared/protocol";
import { readProportionalBytes, type SystemFiles } from "../platform/index.js";
import { readMeanFrequencyMhz } from "./cpu-frequency.js";
import { type CpuTicks, readCpuTicks } from "./cpu-ticks.js";
import { readMeminfo } from "./memory.js";
import { type PowerRail, readPowerRails, readTotalMilliwatts } from "./power-rails.js";
import { defined } from "./text.js";
import { readHottestCelsius, readThermalZones } from "./thermal.js";

export type SystemMetrics = TelemetryWindow["system"];

export interface SystemMetricsDependencies {
  readonly files: SystemFiles;
  /** Processes whose memory counts as the agent's: itself and its children, as they are now. */
  readonly pids: () => readonly number[];
}

/**
 * Reads how the machine is doing, for a telemetry window. What cannot be read is absent. The processor's load is the mean since
 * the call before, so the first call has none. Zones and rails are looked up once: they do not change while the machine runs.
 */
export class SystemMetricsReader {
  readonly #dependencies: SystemMetricsDependencies;
  #before: CpuTicks | undefined;
  #zones: Promise<Awaited<ReturnType<typeof readThermalZones>>> | undefined;
  #rails: Promise<PowerRail[]> | undefined;

  constructor(dependencies: SystemMetricsDependencies) {
    this.#dependencies = dependencies;
  }

  async read(): Promise<SystemMetrics> {
    const { files } = this.#dependencies;
    this.#zones ??= readThermalZones(files);
    this.#rails ??= readPowerRails(files);
    const meminfo = await readMeminfo(files);
    return defined({
      temperatureCelsius: await readHottestCelsius(files, await this.#zones),
      agentMemoryBytes: await this.#agentMemory(),
      memoryAvailableBytes: meminfo.MemAvailable,
      cpuLoad: await this.#load(),
      cpuFrequencyMhz: await readMeanFrequencyMhz(files),
      powerMilliwatts: await readTotalMilliwatts(files, await this.#rails),
    });
  }

  async #load(): Promise<number | undefined> {
    const now = await readCpuTicks(this.#dependencies.files);
    const before = this.#before;
    this.#before = now;
    if (now === undefined || before === undefined || now.total <= before.total) return undefined;
    return Math.min(1, Math.max(0, (now.busy - before.busy) / (now.total - before.total)));
  }

  /** A child that ended between listing and reading counts nothing; with no process readable there is no number. */
  async #agentMemory(): Promise<number | undefined> {
    const sizes = await Promise.all(
      this.#dependencies
        .pids()
        .slice(0, 64)
        .map((pid) => readProportionalBytes(this.#dependencies.files, pid)),
    );
    const known = sizes.filter((size) => size !== undefined);
    return known.length === 0 ? undefined : known.reduce((sum, size) => sum + size, 0);
  }
}
