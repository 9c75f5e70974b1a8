import { describe, expect, it } from "vitest";
import { DeviceConditionsReader } from "./conditions.js";
import { memoryFiles } from "./testing/memory-files.js";

const cpu = "/sys/devices/system/cpu";
const stat = (busy: number) => `cpu  ${busy} 0 0 1000 50 0 0 0 0 0\ncpu0 1 1 1 1\n`;
const process = (pid: number, user: number, system: number, startedAt = 777, name = "node") =>
  `${pid} (${name}) S 1 1 1 0 -1 4194304 9 0 0 0 ${user} ${system} 0 0 20 10 1 0 ${startedAt} 3133440 388\n`;

describe("the conditions of a measurement", () => {
  it("are read from an x86 machine: clock, heat, throttling of cores and packages, and who used the processor", async () => {
    const tree: Record<string, string> = {
      [`${cpu}/cpufreq/policy0/related_cpus`]: "0",
      [`${cpu}/cpufreq/policy0/cpuinfo_max_freq`]: "4000000",
      [`${cpu}/cpufreq/policy0/scaling_cur_freq`]: "3900000",
      [`${cpu}/cpufreq/policy1/related_cpus`]: "1",
      [`${cpu}/cpufreq/policy1/cpuinfo_max_freq`]: "4000000",
      [`${cpu}/cpufreq/policy1/scaling_cur_freq`]: "800000",
      [`${cpu}/cpu0/thermal_throttle/core_throttle_count`]: "3\n",
      [`${cpu}/cpu0/thermal_throttle/package_throttle_count`]: "7\n",
      [`${cpu}/cpu0/topology/physical_package_id`]: "0\n",
      [`${cpu}/cpu1/thermal_throttle/core_throttle_count`]: "1\n",
      [`${cpu}/cpu1/thermal_throttle/package_throttle_count`]: "7\n",
      [`${cpu}/cpu1/topology/physical_package_id`]: "0\n",
      "/sys/class/thermal/thermal_zone0/type": "x86_pkg_temp",
      "/sys/class/thermal/thermal_zone0/temp": "61000",
      "/proc/stat": stat(500),
      "/proc/42/stat": process(42, 30, 5, 777, "a (strange) name"),
    };
    const reader = new DeviceConditionsReader(memoryFiles(tree));
    expect(await reader.read([42])).toEqual({
      cpuFrequencyMhz: 3900,
      temperatureCelsius: 61,
      throttleEvents: 11,
      powerMilliwatts: null,
      busyMs: 5000,
      ownMs: 350,
    });
  });

  it("are read from a Jetson Orin: over-current events, capped clusters and the power of the module", async () => {
    const tree: Record<string, string> = {
      "/sys/class/hwmon/hwmon1/name": "ina3221",
      "/sys/class/hwmon/hwmon1/in1_label": "VDD_IN",
      "/sys/class/hwmon/hwmon1/in1_input": "5000",
      "/sys/class/hwmon/hwmon1/curr1_input": "2000",
      "/sys/class/hwmon/hwmon3/oc1_event_cnt": "2",
      "/sys/class/hwmon/hwmon3/oc3_event_cnt": "5",
      "/sys/class/thermal/cooling_device0/type": "cpufreq-cpu0",
      "/sys/class/thermal/cooling_device0/cur_state": "0",
      "/sys/class/thermal/cooling_device1/type": "pwm-fan",
      "/sys/class/thermal/cooling_device1/cur_state": "3",
    };
    const reader = new DeviceConditionsReader(memoryFiles(tree));
    expect(await reader.read([])).toMatchObject({
      throttleEvents: 7,
      powerMilliwatts: 10_000,
      busyMs: null,
      ownMs: null,
    });
    tree["/sys/class/thermal/cooling_device0/cur_state"] = "2";
    expect(await reader.read([])).toMatchObject({ throttleEvents: 8 });
    tree["/sys/class/thermal/cooling_device0/cur_state"] = "0";
    expect(await reader.read([])).toMatchObject({ throttleEvents: 8 });
  });

  it("count it as an event whenever a Raspberry Pi's firmware says that it is slowed down now, not that it once was", async () => {
    const path = "/sys/devices/platform/soc/soc:firmware/get_throttled";
    const tree: Record<string, string> = { [path]: "e0000\n" };
    const reader = new DeviceConditionsReader(memoryFiles(tree));
    expect(await reader.read([])).toMatchObject({ throttleEvents: 0 });
    tree[path] = "e0008\n";
    expect(await reader.read([])).toMatchObject({ throttleEvents: 1 });
    tree[path] = "e0001\n";
    expect(await reader.read([])).toMatchObject({ throttleEvents: 1 });
  });

  it("never let the tuning's own time fall when one of its processes ends or its id comes again", async () => {
    const tree: Record<string, string> = { "/proc/stat": stat(1), "/proc/42/stat": process(42, 10, 0) };
    const reader = new DeviceConditionsReader(memoryFiles(tree));
    expect((await reader.read([42])).ownMs).toBe(100);
    delete tree["/proc/42/stat"];
    expect((await reader.read([42])).ownMs).toBe(100);
    tree["/proc/42/stat"] = process(42, 3, 0, 888);
    expect((await reader.read([42])).ownMs).toBe(130);
  });

  it("are null where a machine tells nothing", async () => {
    expect(await new DeviceConditionsReader(memoryFiles({})).read([1])).toEqual({
      cpuFrequencyMhz: null,
      temperatureCelsius: null,
      throttleEvents: null,
      powerMilliwatts: null,
      busyMs: null,
      ownMs: null,
    });
  });
});
