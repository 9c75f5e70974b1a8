import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RunCommand } from "../platform/index.js";
import { readBoard } from "./board.js";
import { readCpu } from "./cpu.js";
import { readDeviceTree } from "./device-tree.js";
import { jetpackVersion, parseL4tRelease } from "./jetpack.js";
import { readJetson } from "./jetson.js";
import { readNetwork } from "./network.js";
import { parseNvidiaSmi, readNvidiaGpus } from "./nvidia.js";
import { readPowerModes } from "./nvpmodel.js";
import { readPciGraphics } from "./pci-graphics.js";
import { readPowerRails, readTotalMilliwatts } from "./power-rails.js";
import { memoryFiles } from "./testing/memory-files.js";
import { readHottestCelsius, readThermalZones } from "./thermal.js";

const ok = (stdout: string) => ({ status: "ok" as const, stdout, stderr: "" });

describe("NVIDIA cards in a PC", () => {
  it("are listed with capability, memory and driver", () => {
    // Fields of github.com/triton-inference-server/server/pull/8070, in our order.
    expect(
      parseNvidiaSmi("NVIDIA TITAN V, 7.0, 12288, 570.86.15\nNVIDIA RTX 5880 Ada Generation, 8.9, 49140, 570.86.15\n"),
    ).toEqual([
      {
        kind: "gpu",
        vendor: "nvidia",
        model: "NVIDIA TITAN V",
        computeCapability: "7.0",
        memoryBytes: 12288 * 2 ** 20,
        driverVersion: "570.86.15",
        sharedMemory: false,
      },
      {
        kind: "gpu",
        vendor: "nvidia",
        model: "NVIDIA RTX 5880 Ada Generation",
        computeCapability: "8.9",
        memoryBytes: 49140 * 2 ** 20,
        driverVersion: "570.86.15",
        sharedMemory: false,
      },
    ]);
  });

  it("are listed without what their driver cannot tell", () => {
    const [gpu] = parseNvidiaSmi("NVIDIA Thor, 11.0, [N/A], 580.00\n");
    expect(gpu).toMatchObject({ computeCapability: "11.0" });
    expect(gpu).not.toHaveProperty("memoryBytes");
  });

  it("are found with drivers that do not know compute_cap", async () => {
    const asked: string[] = [];
    const old: RunCommand = async (_program, parameters) => {
      asked.push(parameters[0] ?? "");
      return parameters[0]?.includes("compute_cap")
        ? { status: "failed", exitCode: 2, stdout: 'Field "compute_cap" is not a valid field to query.\n', stderr: "" }
        : ok("Tesla T4, 15109, 470.182.03\n");
    };
    expect(await readNvidiaGpus(old)).toEqual([
      {
        kind: "gpu",
        vendor: "nvidia",
        model: "NVIDIA Tesla T4",
        memoryBytes: 15109 * 2 ** 20,
        driverVersion: "470.182.03",
        sharedMemory: false,
      },
    ]);
    expect(asked).toHaveLength(2);
  });

  it("are none when the driver hangs or nvidia-smi is absent", async () => {
    expect(await readNvidiaGpus(async () => ({ status: "timed-out", stdout: "", stderr: "" }))).toEqual([]);
    expect(await readNvidiaGpus(async () => ({ status: "not-found", stdout: "", stderr: "" }))).toEqual([]);
  });

  it("never make the inventory fail, whatever nvidia-smi prints", () => {
    fc.assert(fc.property(fc.string(), (output) => Array.isArray(parseNvidiaSmi(output))));
  });
});

describe("a Jetson", () => {
  const tree = (compatible: string[], more: Record<string, string> = {}) =>
    memoryFiles({ "/proc/device-tree/compatible": compatible.map((entry) => `${entry}\0`).join(""), ...more });
  const facts = async (files: ReturnType<typeof memoryFiles>) => readJetson(files, await readDeviceTree(files));

  it("is the module that its EEPROM names, whatever the carrier's device tree says", async () => {
    const eeprom = `${"\x01".repeat(20)}699-13767-0000-300 L.3\0\0\0\0\0\0\0\0${"\xff".repeat(206)}`;
    const found = await facts(
      tree(["acme,carrier", "nvidia,tegra234"], { "/sys/bus/i2c/devices/0-0050/eeprom": eeprom }),
    );
    expect(found?.jetson).toMatchObject({ module: "jetson-orin-nx-16gb", partNumber: "699-13767-0000-300 L.3" });
    expect(found?.accelerators.map((accelerator) => accelerator.kind)).toEqual(["gpu", "dla", "dla"]);
  });

  it("with JetPack 5, whose device tree names two SKUs of one module, is that module", async () => {
    const found = await facts(
      tree([
        "nvidia,p3768-0000+p3767-0003",
        "nvidia,p3768-0000+p3767-0005",
        "nvidia,p3767-0003",
        "nvidia,p3767-0005",
        "nvidia,tegra234",
        "nvidia,tegra23x",
      ]),
    );
    expect(found?.jetson.module).toBe("jetson-orin-nano-8gb");
  });

  it("whose device tree names different modules is not guessed at", async () => {
    const found = await facts(
      tree(["nvidia,p3768-0000+p3767-0000", "nvidia,p3768-0000+p3767-0004", "nvidia,tegra234"], {
        "/proc/device-tree/model": "Some carrier\0",
      }),
    );
    expect(found?.jetson.module).toBe("Some carrier");
  });

  it("that was never switched runs the default power mode; one in a mode of its own has an id without a name", async () => {
    const configuration = "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=7W >\n< PM_CONFIG DEFAULT=1 >\n";
    expect((await readPowerModes(memoryFiles({ "/etc/nvpmodel.conf": configuration }))).current).toEqual({
      id: 1,
      name: "7W",
    });
    const custom = memoryFiles({ "/etc/nvpmodel.conf": configuration, "/var/lib/nvpmodel/status": "pmode:0009\n" });
    expect((await readPowerModes(custom)).current).toEqual({ id: 9 });
  });

  it("reads the release of every form that NVIDIA has written, and names no JetPack for one it does not know", () => {
    expect(parseL4tRelease("# R35 (release), REVISION: 3.1, GCID: 32827747, BOARD: t186ref, EABI: aarch64")).toBe(
      "35.3.1",
    );
    expect(parseL4tRelease("# R36 (release), REVISION: 3.0, GCID: 1, BOARD: generic")).toBe("36.3.0");
    expect(jetpackVersion("36.3.0")).toBe("6.0");
    expect(jetpackVersion("99.1.2")).toBeUndefined();
    expect(parseL4tRelease("a line nobody wrote")).toBeUndefined();
    fc.assert(fc.property(fc.string(), (text) => /^\d+(\.\d+)+$/.test(parseL4tRelease(text) ?? "1.0")));
  });

  it("without an input rail (AGX Orin) draws the sum of its rails, none counted twice, and nothing when one is unreadable", async () => {
    const chip = (device: string, rails: [string, string, string][]) =>
      Object.fromEntries(
        rails.flatMap(([label, millivolts, milliamperes], index) => [
          [`/sys/class/hwmon/${device}/name`, "ina3221\n"],
          [`/sys/class/hwmon/${device}/in${index + 1}_label`, `${label}\n`],
          [`/sys/class/hwmon/${device}/in${index + 1}_input`, `${millivolts}\n`],
          [`/sys/class/hwmon/${device}/curr${index + 1}_input`, `${milliamperes}\n`],
        ]),
      );
    const content = {
      ...chip("hwmon1", [
        ["VDD_GPU_SOC", "19000", "200"],
        ["VDD_CPU_CV", "19000", "100"],
        ["VIN_SYS_5V0", "5000", "800"],
      ]),
      ...chip("hwmon2", [
        ["NC", "0", "0"],
        ["VDDQ_VDD2_1V8AO", "5000", "100"],
        ["NC", "0", "0"],
      ]),
    };
    const files = memoryFiles(content);
    expect(await readTotalMilliwatts(files, await readPowerRails(files))).toBe(3800 + 1900 + 4000);
    const broken = memoryFiles({ ...content, "/sys/class/hwmon/hwmon1/curr2_input": "" });
    expect(await readTotalMilliwatts(broken, await readPowerRails(broken))).toBeUndefined();
  });
});

describe("the processor", () => {
  it("in a 32-bit system on a 64-bit chip is what 32-bit programs see", async () => {
    const cpuinfo =
      "processor\t: 0\nmodel name\t: ARMv7 Processor rev 3 (v7l)\nFeatures\t: half thumb fastmult vfp edsp neon vfpv3 tls vfpv4\nCPU implementer\t: 0x41\nCPU architecture: 7\nCPU part\t: 0xd08\n\nHardware\t: BCM2711\n";
    const cpu = await readCpu(memoryFiles({ "/proc/cpuinfo": cpuinfo }));
    expect(cpu).toMatchObject({
      architecture: "arm",
      logicalCores: 1,
      model: "Cortex-A72",
      features: { neon: true, fp16: false },
    });
  });

  it("of the newest Xeons and hybrid Cores shows AMX and AVX-VNNI", async () => {
    const block = (flags: string) => `processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: lm ${flags}\n\n`;
    const amx = await readCpu(
      memoryFiles({
        "/proc/cpuinfo": block("avx2 avx512f avx512_vnni avx_vnni amx_bf16 amx_int8 avx512_fp16 avx512_bf16"),
      }),
    );
    expect(Object.values(amx.features).every(Boolean)).toBe(true);
    const hybrid = await readCpu(memoryFiles({ "/proc/cpuinfo": block("avx2 avx_vnni") }));
    expect(hybrid.features).toMatchObject({ avx2: true, avxvnni: true, avx512f: false });
  });

  it("has a feature only if every core has it", async () => {
    const core = (number: number, flags: string) =>
      `processor : ${number}\nFeatures : fp asimd ${flags}\nCPU implementer : 0x41\nCPU part : 0xd0${number === 0 ? "5" : "8"}\n\n`;
    const cpu = await readCpu(memoryFiles({ "/proc/cpuinfo": core(0, "asimdhp asimddp") + core(1, "") }));
    expect(cpu.features).toMatchObject({ neon: true, fp16: false, dotprod: false });
  });

  it("is described somehow, whatever /proc/cpuinfo holds", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string(),
        async (text) => (await readCpu(memoryFiles({ "/proc/cpuinfo": text }))).logicalCores >= 1,
      ),
    );
  });
});

describe("graphics on the PCI bus", () => {
  const device = (address: string, pciClass: string, vendor: string) => ({
    [`/sys/bus/pci/devices/${address}/class`]: `${pciClass}\n`,
    [`/sys/bus/pci/devices/${address}/vendor`]: `${vendor}\n`,
    [`/sys/bus/pci/devices/${address}/device`]: "0x9a49\n",
  });

  it("are called what systeminformation calls them; an integrated one shares the memory, a card has its own", async () => {
    const files = memoryFiles({
      ...device("0000:00:02.0", "0x030000", "0x8086"),
      ...device("0000:03:00.0", "0x030000", "0x1002"),
      ...device("0000:04:00.0", "0x020000", "0x8086"),
      ...device("0000:05:00.0", "0x030000", "0x1a03"),
    });
    const graphics = [
      {
        vendor: "Intel Corporation",
        model: "TigerLake-LP GT2 [Iris Xe Graphics]",
        busAddress: "00:02.0",
        memoryMegabytes: 256,
      },
      { vendor: "AMD", model: "Navi 23", busAddress: "03:00.0", memoryMegabytes: 8192 },
    ];
    expect(await readPciGraphics(files, { graphics })).toEqual([
      { kind: "gpu", vendor: "intel", model: "TigerLake-LP GT2 [Iris Xe Graphics]", sharedMemory: true },
      { kind: "gpu", vendor: "amd", model: "Navi 23", memoryBytes: 8192 * 2 ** 20, sharedMemory: false },
    ]);
  });
});

describe("the rest of a machine", () => {
  it("a PC without thermal zones shows its processor's sensor", async () => {
    const files = memoryFiles({
      "/sys/class/hwmon/hwmon0/name": "nvme\n",
      "/sys/class/hwmon/hwmon0/temp1_input": "90000\n",
      "/sys/class/hwmon/hwmon3/name": "k10temp\n",
      "/sys/class/hwmon/hwmon3/temp1_label": "Tctl\n",
      "/sys/class/hwmon/hwmon3/temp1_input": "52625\n",
    });
    const zones = await readThermalZones(files);
    expect(zones).toEqual([{ name: "k10temp Tctl", path: "/sys/class/hwmon/hwmon3/temp1_input" }]);
    expect(await readHottestCelsius(files, zones)).toBe(52.625);
  });

  it("absurd temperatures count as none", async () => {
    const files = memoryFiles({
      "/sys/class/thermal/thermal_zone0/type": "gpu",
      "/sys/class/thermal/thermal_zone0/temp": "-256000",
    });
    expect(await readHottestCelsius(files, await readThermalZones(files))).toBeUndefined();
  });

  it("a container, which has virtual interfaces only, still names them", async () => {
    const files = memoryFiles({
      "/sys/class/net/eth0/operstate": "up",
      "/sys/class/net/lo/operstate": "up",
      "/sys/devices/virtual/net/eth0/operstate": "up",
    });
    expect((await readNetwork(files)).interfaces).toEqual(["eth0"]);
  });

  it("a virtual machine without firmware tables is called what is certain of it", async () => {
    const none = memoryFiles({});
    const tree = await readDeviceTree(none);
    const host = { graphics: [], virtualHost: "KVM", serial: "To be filled by O.E.M." };
    expect(await readBoard(none, tree, { serialSalt: "s", architecture: "x64", host })).toEqual({
      model: "Virtual machine (KVM)",
    });
    expect(await readBoard(none, tree, { serialSalt: "s", architecture: "x64" })).toEqual({
      model: "Unknown x64 machine",
    });
  });
});
