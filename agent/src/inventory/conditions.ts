import type { SystemFiles } from "../platform/index.js";
import { readFastestFrequencyMhz } from "./cpu-frequency.js";
import { readCpuTicks, readProcessTime, TICK_MS } from "./cpu-ticks.js";
import { type PowerRail, readPowerRails, readTotalMilliwatts } from "./power-rails.js";
import { readHottestCelsius, readThermalZones } from "./thermal.js";
import { findThrottleSources, readThrottling, type ThrottleSources } from "./throttling.js";

/** What the device looks like now; null where it does not say. */
export interface DeviceConditions {
  /** Highest clock among the fast cores, MHz: an idle core clocks down by itself, while a cap lowers all of them. */
  readonly cpuFrequencyMhz: number | null;
  /** Of the hottest zone. */
  readonly temperatureCelsius: number | null;
  /** Rises whenever the device was throttled since the reading before. */
  readonly throttleEvents: number | null;
  /** Of the whole module. */
  readonly powerMilliwatts: number | null;
  /** Time that all cores worked since boot, ms; time that the hypervisor gave to others counts as work. */
  readonly busyMs: number | null;
  /** Time that the given processes, and those given before, worked, ms. */
  readonly ownMs: number | null;
}

/** What does not change while the machine runs. */
interface Sensors {
  readonly zones: Awaited<ReturnType<typeof readThermalZones>>;
  readonly rails: readonly PowerRail[];
  readonly throttling: ThrottleSources;
}

/** Processes that are remembered after they ended. */
const MOST_PROCESSES = 256;

/** Reads the conditions under which something is measured. */
export class DeviceConditionsReader {
  readonly #files: SystemFiles;
  #sensors: Promise<Sensors> | undefined;
  /** Readings that found the device throttled, where it has a state and no count. */
  #throttledReadings = 0;
  /** Time of each process by id and start: what ended goes on counting. */
  readonly #processes = new Map<string, number>();
  #forgottenMs = 0;

  constructor(files: SystemFiles) {
    this.#files = files;
  }

  /** @param pids processes whose time is counted from now on */
  async read(pids: readonly number[]): Promise<DeviceConditions> {
    this.#sensors ??= findSensors(this.#files);
    const { zones, rails, throttling } = await this.#sensors;
    const ticks = await readCpuTicks(this.#files);
    const ownMs = await this.#ownMs(pids);
    return {
      cpuFrequencyMhz: (await readFastestFrequencyMhz(this.#files)) ?? null,
      temperatureCelsius: (await readHottestCelsius(this.#files, zones)) ?? null,
      throttleEvents: await this.#throttleEvents(throttling),
      powerMilliwatts: (await readTotalMilliwatts(this.#files, rails)) ?? null,
      busyMs: ticks === undefined ? null : ticks.busy * TICK_MS,
      ownMs: ticks === undefined ? null : ownMs,
    };
  }

  async #throttleEvents(sources: ThrottleSources): Promise<number | null> {
    const { events, now } = await readThrottling(this.#files, sources);
    if (now === true) this.#throttledReadings += 1;
    return events === undefined && now === undefined ? null : (events ?? 0) + this.#throttledReadings;
  }

  async #ownMs(pids: readonly number[]): Promise<number> {
    for (const pid of pids.slice(0, MOST_PROCESSES)) {
      const time = await readProcessTime(this.#files, pid);
      if (time !== undefined) this.#processes.set(`${pid}@${time.startedAt}`, time.busyMs);
    }
    for (const [key, busyMs] of this.#processes) {
      if (this.#processes.size <= MOST_PROCESSES) break;
      this.#processes.delete(key);
      this.#forgottenMs += busyMs;
    }
    return [...this.#processes.values()].reduce((sum, busyMs) => sum + busyMs, this.#forgottenMs);
  }
}

async function findSensors(files: SystemFiles): Promise<Sensors> {
  return {
    zones: await readThermalZones(files),
    rails: await readPowerRails(files),
    throttling: await findThrottleSources(files),
  };
}
