import type { Inventory } from "@sartor/shared/protocol";
import type { SystemFiles } from "../platform/index.js";
import { byNumber, numberFrom, shortText } from "./text.js";

type ThermalZone = Inventory["thermalZones"][number];

const ZONES = "/sys/class/thermal";
const HWMON = "/sys/class/hwmon";
/** hwmon drivers that measure the processor, for machines without thermal zones (many servers and AMD PCs). */
const CPU_SENSORS = new Set(["coretemp", "k10temp", "zenpower", "cpu_thermal"]);
/**
 * Zones that say nothing of heat: the Jetson Nano's PMIC-Die zone always answers one fixed value (tegrastats shows
 * PMIC@50C or PMIC@100C on an idle board), so the hottest zone would always be this one.
 */
const NOT_MEASURED = new Set(["PMIC-Die"]);

async function readZones(files: SystemFiles): Promise<ThermalZone[]> {
  const names = (await files.list(ZONES)).filter((name) => /^thermal_zone\d+$/.test(name)).sort(byNumber);
  const zones = await Promise.all(
    names.map(async (name) => ({
      name: shortText(await files.readText(`${ZONES}/${name}/type`)) ?? name,
      path: `${ZONES}/${name}`,
    })),
  );
  return zones.slice(0, 64);
}

async function readCpuSensors(files: SystemFiles): Promise<ThermalZone[]> {
  const found: ThermalZone[] = [];
  for (const device of [...(await files.list(HWMON))].sort(byNumber)) {
    const driver = shortText(await files.readText(`${HWMON}/${device}/name`));
    if (driver === undefined || !CPU_SENSORS.has(driver)) continue;
    for (const file of (await files.list(`${HWMON}/${device}`)).filter((name) => /^temp\d+_input$/.test(name))) {
      const path = `${HWMON}/${device}/${file}`;
      const label = shortText(await files.readText(path.replace(/_input$/, "_label")));
      found.push({ name: label === undefined ? driver : `${driver} ${label}`, path });
    }
  }
  return found.slice(0, 64);
}

/** Thermal zones of the machine; the processor's hwmon sensors where there are none. */
export async function readThermalZones(files: SystemFiles): Promise<ThermalZone[]> {
  const zones = await readZones(files);
  return zones.length > 0 ? zones : readCpuSensors(files);
}

/**
 * Temperature of the hottest zone, degrees Celsius. A zone whose unit is switched off answers EAGAIN (an Orin's cv0-thermal) or
 * an absurd number (-256 on older kernels): both are left out.
 */
export async function readHottestCelsius(
  files: SystemFiles,
  zones: readonly ThermalZone[],
): Promise<number | undefined> {
  const readings = await Promise.all(
    zones
      .filter((zone) => !NOT_MEASURED.has(zone.name))
      .map(async (zone) =>
        numberFrom(await files.readText(zone.path.endsWith("_input") ? zone.path : `${zone.path}/temp`)),
      ),
  );
  const celsius = readings
    .flatMap((reading) => (reading === undefined ? [] : reading / 1000))
    .filter((c) => c > -60 && c < 200);
  return celsius.length === 0 ? undefined : Math.max(...celsius);
}
