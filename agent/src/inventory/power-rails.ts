import type { SystemFiles } from "../platform/index.js";
import { byNumber, numberFrom, shortText } from "./text.js";

/** A rail whose power can be read. Paths are of files: power in mW, or voltage in mV and current in mA. */
export interface PowerRail {
  readonly name: string;
  readonly powerPath?: string;
  readonly voltagePath?: string;
  readonly currentPath?: string;
}

/** An INA3221 measures three rails; hwmon's further labels are sums, and would count rails twice. */
const CHANNELS = [1, 2, 3];
/** Rails that carry everything: the module's input (Orin Nano and NX, Xavier NX, TX2, Nano) or the board's (Thor). */
const INPUT_RAILS = ["VDD_IN", "POM_5V_IN", "VIN"];
/** Fed from another rail that is measured as well (AGX Orin: from VIN_SYS_5V0). */
const INNER_RAILS = new Set(["VDDQ_VDD2_1V8AO"]);

/** Newer layout (kernel 5.10 and later, JetPack 5 and 6): the mainline ina3221 driver under hwmon. */
async function hwmonRails(files: SystemFiles): Promise<PowerRail[]> {
  const rails: PowerRail[] = [];
  for (const device of [...(await files.list("/sys/class/hwmon"))].sort(byNumber)) {
    const path = `/sys/class/hwmon/${device}`;
    if (shortText(await files.readText(`${path}/name`)) !== "ina3221") continue;
    for (const channel of CHANNELS) {
      const name = shortText(await files.readText(`${path}/in${channel}_label`));
      if (name === undefined || name === "NC") continue;
      rails.push({ name, voltagePath: `${path}/in${channel}_input`, currentPath: `${path}/curr${channel}_input` });
    }
  }
  return rails;
}

/** Older layout (kernel 4.9, JetPack 4): NVIDIA's ina3221x driver under iio. */
async function iioRails(files: SystemFiles): Promise<PowerRail[]> {
  const driver = "/sys/bus/i2c/drivers/ina3221x";
  const rails: PowerRail[] = [];
  for (const chip of (await files.list(driver)).filter((name) => /^\d+-[0-9a-f]{4}$/.test(name))) {
    for (const device of (await files.list(`${driver}/${chip}`)).filter((name) => name.startsWith("iio"))) {
      const path = `${driver}/${chip}/${device}`;
      for (const channel of CHANNELS) {
        const name = shortText(await files.readText(`${path}/rail_name_${channel - 1}`));
        if (name !== undefined && name !== "NC")
          rails.push({ name, powerPath: `${path}/in_power${channel - 1}_input` });
      }
    }
  }
  return rails;
}

/** The power rails of a Jetson, in either layout; none elsewhere. */
export async function readPowerRails(files: SystemFiles): Promise<PowerRail[]> {
  const rails = await hwmonRails(files);
  return (rails.length > 0 ? rails : await iioRails(files)).slice(0, 32);
}

async function railMilliwatts(files: SystemFiles, rail: PowerRail): Promise<number | undefined> {
  if (rail.powerPath !== undefined) return numberFrom(await files.readText(rail.powerPath));
  const millivolts = numberFrom(await files.readText(rail.voltagePath ?? ""));
  const milliamperes = numberFrom(await files.readText(rail.currentPath ?? ""));
  return millivolts === undefined || milliamperes === undefined ? undefined : (millivolts * milliamperes) / 1000;
}

/**
 * Power drawn now, mW: the input rail where there is one, else the sum of the rails that are not fed from another.
 * A rail that cannot be read makes the sum unknown rather than too small.
 */
export async function readTotalMilliwatts(
  files: SystemFiles,
  rails: readonly PowerRail[],
): Promise<number | undefined> {
  const input = rails.find((rail) => INPUT_RAILS.includes(rail.name));
  const counted = input === undefined ? rails.filter((rail) => !INNER_RAILS.has(rail.name)) : [input];
  if (counted.length === 0) return undefined;
  let total = 0;
  for (const rail of counted) {
    const power = await railMilliwatts(files, rail);
    if (power === undefined || power < 0) return undefined;
    total += power;
  }
  return total;
}
