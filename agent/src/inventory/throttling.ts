import type { SystemFiles } from "../platform/index.js";
import { byNumber, numberFrom, shortText } from "./text.js";

const CORES = "/sys/devices/system/cpu";
const HWMON = "/sys/class/hwmon";
const THERMAL = "/sys/class/thermal";
/** A Raspberry Pi's firmware answers in hexadecimal what is wrong now (low bits) and was since the boot (bits 16 and up). */
const PI_FIRMWARE = "/sys/devices/platform/soc/soc:firmware/get_throttled";
/** Clock capped, throttled, soft temperature limit: bits 1 to 3 of the Raspberry Pi's answer; bit 0 is low voltage alone. */
const PI_SLOWED = 0b1110;
/** Most counters that are read: two a core of a large server. */
const MOST_COUNTERS = 512;

/** Where this machine says that it was slowed down. */
export interface ThrottleSources {
  /** Files that hold a count since boot. */
  readonly counters: readonly string[];
  /** Files that hold a number above 0 while the processor's clock is capped for its heat. */
  readonly states: readonly string[];
  /** The Raspberry Pi firmware's answer. */
  readonly firmware: string | undefined;
}

/** Intel's counts (kernel: arch/x86/kernel/cpu/mce/therm_throt.c): one a core, and one a package that all its cores repeat. */
async function coreCounters(files: SystemFiles): Promise<string[]> {
  const counters: string[] = [];
  const packages = new Set<string>();
  for (const core of (await files.list(CORES)).filter((name) => /^cpu\d+$/.test(name)).sort(byNumber)) {
    const names = await files.list(`${CORES}/${core}/thermal_throttle`);
    if (names.includes("core_throttle_count")) counters.push(`${CORES}/${core}/thermal_throttle/core_throttle_count`);
    if (!names.includes("package_throttle_count")) continue;
    const socket = (await files.readText(`${CORES}/${core}/topology/physical_package_id`))?.trim() ?? "0";
    if (packages.has(socket)) continue;
    packages.add(socket);
    counters.push(`${CORES}/${core}/thermal_throttle/package_throttle_count`);
  }
  return counters;
}

/** A Jetson Orin's over-current events (NVIDIA Jetson Linux Developer Guide, "Over-current throttling": oc1 to oc3). */
async function overCurrentCounters(files: SystemFiles): Promise<string[]> {
  const counters: string[] = [];
  for (const device of await files.list(HWMON)) {
    const names = await files.list(`${HWMON}/${device}`);
    counters.push(
      ...names.filter((name) => /^oc\d+_event_cnt$/.test(name)).map((name) => `${HWMON}/${device}/${name}`),
    );
  }
  return counters;
}

/**
 * Cooling devices that cap a processor's clock (kernel: drivers/thermal/cpufreq_cooling.c): "thermal-cpufreq-0" up to kernel 5.10 or
 * so, "cpufreq-cpu0" after it. State 0 means that nothing is capped.
 */
async function cappingStates(files: SystemFiles): Promise<string[]> {
  const states: string[] = [];
  for (const device of (await files.list(THERMAL)).filter((name) => /^cooling_device\d+$/.test(name))) {
    const type = shortText(await files.readText(`${THERMAL}/${device}/type`));
    if (type !== undefined && /^(?:thermal-)?cpufreq-/.test(type)) states.push(`${THERMAL}/${device}/cur_state`);
  }
  return states;
}

/** Finds what this machine has; it does not change while the machine runs. */
export async function findThrottleSources(files: SystemFiles): Promise<ThrottleSources> {
  const counters = [...(await coreCounters(files)), ...(await overCurrentCounters(files))];
  return {
    counters: counters.slice(0, MOST_COUNTERS),
    states: (await cappingStates(files)).slice(0, MOST_COUNTERS),
    firmware: (await files.readText(PI_FIRMWARE)) === undefined ? undefined : PI_FIRMWARE,
  };
}

/** Sum of the counts since boot, and whether the processor is slowed down right now; undefined for what nothing here tells. */
export async function readThrottling(
  files: SystemFiles,
  { counters, states, firmware }: ThrottleSources,
): Promise<{ readonly events: number | undefined; readonly now: boolean | undefined }> {
  const numbers = async (paths: readonly string[]) =>
    (await Promise.all(paths.map(async (path) => numberFrom(await files.readText(path))))).filter(
      (value) => value !== undefined,
    );
  const counts = await numbers(counters);
  const levels = await numbers(states);
  if (firmware !== undefined) {
    const answer = Number.parseInt((await files.readText(firmware))?.trim() ?? "", 16);
    if (Number.isFinite(answer)) levels.push(answer & PI_SLOWED);
  }
  return {
    events: counts.length === 0 ? undefined : counts.reduce((sum, count) => sum + count, 0),
    now: levels.length === 0 ? undefined : levels.some((level) => level > 0),
  };
}
