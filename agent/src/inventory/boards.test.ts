import { readFileSync } from "node:fs";
import { firmwareProfileSchema, matchProfile } from "@sartor/shared/domain/hardware";
import { describe, expect, it } from "vitest";
import { collectInventory } from "./collect-inventory.js";
import { SystemMetricsReader } from "./system-metrics.js";
import { boardFiles, noPrograms } from "./testing/memory-files.js";

/** Board tree, the profile made from it, and what the profile adds: this machine's disk and C library are not in the tree. */
const BOARDS = [
  ["jetson-orin-nano", "jetson-orin-nano-8gb"],
  ["jetson-nano", "jetson-nano-4gb"],
  ["raspberry-pi-4", "raspberry-pi-4"],
  ["raspberry-pi-5", "raspberry-pi-5"],
  ["rock-5b", "rk3588"],
  ["x86-nuc11", "x86-64-avx512-vnni"],
] as const;

const profile = (id: string) =>
  firmwareProfileSchema.parse(
    JSON.parse(readFileSync(new URL(`../../../firmware-profiles/profiles/${id}.json`, import.meta.url), "utf8")),
  );
const profiles = BOARDS.map(([, id]) => profile(id));

const collect = (board: string, glibc?: string) =>
  collectInventory({
    files: boardFiles(board),
    run: noPrograms,
    clock: { now: () => 1_700_000_000_000 },
    diskSpace: async () => ({ totalBytes: 64_000_000_000, availableBytes: 48_000_000_000 }),
    statePath: "/var/lib/sartor-agent",
    agentVersion: "0.1.0",
    serialSalt: "salt",
    glibc,
    probeThisMachine: false,
  });
const metrics = async (board: string) => new SystemMetricsReader({ files: boardFiles(board), pids: () => [] }).read();

describe("a Jetson Orin Nano developer kit with JetPack 6", () => {
  it("is recognised with its module, release, power mode and rails", async () => {
    const { board, jetson } = await collect("jetson-orin-nano");
    expect(board.manufacturer).toBe("NVIDIA");
    expect(board.model).toBe("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super");
    expect(board.compatible).toEqual(["nvidia,p3768-0000+p3767-0005-super", "nvidia,p3767-0005", "nvidia,tegra234"]);
    expect(jetson).toEqual({
      module: "jetson-orin-nano-8gb",
      partNumber: "p3767-0005",
      l4tRelease: "36.4.7",
      jetpackVersion: "6.2.1",
      powerMode: { id: 2, name: "MAXN_SUPER" },
      powerModes: [
        { id: 0, name: "15W" },
        { id: 1, name: "25W" },
        { id: 2, name: "MAXN_SUPER" },
        { id: 3, name: "7W" },
      ],
      powerRails: ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"],
    });
  });

  it("has an Ampere GPU of compute capability 8.7 in shared memory, and no DLA", async () => {
    expect((await collect("jetson-orin-nano")).accelerators).toEqual([
      {
        kind: "gpu",
        vendor: "nvidia",
        model: "NVIDIA Orin (GA10B, Ampere)",
        computeCapability: "8.7",
        sharedMemory: true,
      },
    ]);
  });

  it("has six Cortex-A78AE with half precision and dot product, without i8mm", async () => {
    const { cpu, memory } = await collect("jetson-orin-nano");
    expect(cpu).toMatchObject({ architecture: "arm64", vendor: "ARM", logicalCores: 6, maximumFrequencyMhz: 1728 });
    expect(cpu.clusters).toEqual([{ core: "Cortex-A78AE", count: 6, maximumFrequencyMhz: 1728 }]);
    expect(cpu.features).toEqual({ neon: true, fp16: true, dotprod: true, i8mm: false, bf16: false, sve: false });
    expect(memory).toEqual({ totalBytes: 7_802_880 * 1024, swapBytes: 3_901_440 * 1024 });
  });

  it("reports its heat although the CV zones are switched off, and the power at its input only", async () => {
    const { thermalZones, network } = await collect("jetson-orin-nano");
    expect(thermalZones.map((zone) => zone.name)).toContain("cv0-thermal");
    const now = await metrics("jetson-orin-nano");
    expect(now.temperatureCelsius).toBe(50.781);
    expect(now.powerMilliwatts).toBeCloseTo((4960 * 1442) / 1000, 6);
    expect(now.cpuFrequencyMhz).toBeCloseTo((4 * 729.6 + 2 * 1728) / 6, 6);
    expect(network.interfaces).toEqual(["enP8p1s0", "wlP1p1s0"]);
  });
});

describe("a Jetson Nano with JetPack 4.6", () => {
  it("is recognised with the old layout of rails and the old form of the power mode's file", async () => {
    const { jetson, accelerators, cpu, operatingSystem } = await collect("jetson-nano");
    expect(jetson).toMatchObject({
      module: "jetson-nano-4gb",
      l4tRelease: "32.7.1",
      jetpackVersion: "4.6.1",
      powerMode: { id: 0, name: "MAXN" },
      powerRails: ["POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"],
    });
    expect(accelerators).toHaveLength(1);
    expect(accelerators[0]).toMatchObject({ computeCapability: "5.3", sharedMemory: true });
    expect(cpu.clusters).toEqual([{ core: "Cortex-A57", count: 4, maximumFrequencyMhz: 1479 }]);
    expect(cpu.features).toMatchObject({ neon: true, fp16: false, dotprod: false });
    expect(operatingSystem).toMatchObject({ name: "Ubuntu", version: "18.04", kernel: "4.9.253-tegra" });
  });

  it("does not take the PMIC's fixed 100 degrees for the board's temperature", async () => {
    const now = await metrics("jetson-nano");
    expect(now.temperatureCelsius).toBe(45);
    expect(now.powerMilliwatts).toBe(1750);
  });
});

describe("the Raspberry Pis", () => {
  it("a Pi 4 has four Cortex-A72 that know neither half precision nor dot product", async () => {
    const { board, cpu, accelerators, jetson } = await collect("raspberry-pi-4");
    expect(board).toMatchObject({ manufacturer: "Raspberry Pi", model: "Raspberry Pi 4 Model B Rev 1.5" });
    expect(cpu.clusters).toEqual([{ core: "Cortex-A72", count: 4, maximumFrequencyMhz: 1800 }]);
    expect(cpu.features).toEqual({ neon: true, fp16: false, dotprod: false, i8mm: false, bf16: false, sve: false });
    expect(accelerators).toEqual([{ kind: "gpu", vendor: "broadcom", model: "VideoCore VI", sharedMemory: true }]);
    expect(jetson).toBeUndefined();
  });

  it("a Pi 5 has four Cortex-A76 that know both", async () => {
    const { board, cpu, accelerators, memory } = await collect("raspberry-pi-5");
    expect(board.model).toBe("Raspberry Pi 5 Model B Rev 1.0");
    expect(cpu.clusters).toEqual([{ core: "Cortex-A76", count: 4, maximumFrequencyMhz: 2400 }]);
    expect(cpu.features).toMatchObject({ fp16: true, dotprod: true, i8mm: false });
    expect(accelerators[0]?.model).toBe("VideoCore VII");
    expect(memory.totalBytes).toBe(8049 * 1024 * 1024);
  });
});

describe("a ROCK 5B with an RK3588", () => {
  it("has two kinds of cores, a Mali GPU and an NPU with its driver's version", async () => {
    const { board, cpu, accelerators } = await collect("rock-5b");
    expect(board).toMatchObject({ manufacturer: "Radxa", model: "Radxa ROCK 5B" });
    expect(cpu).toMatchObject({ logicalCores: 8, maximumFrequencyMhz: 2400 });
    expect(cpu.clusters).toEqual([
      { core: "Cortex-A55", count: 4, maximumFrequencyMhz: 1800 },
      { core: "Cortex-A76", count: 4, maximumFrequencyMhz: 2400 },
    ]);
    expect(accelerators.map(({ kind, vendor, model }) => [kind, vendor, model])).toEqual([
      ["gpu", "arm", "Mali-G610 MP4"],
      ["npu", "rockchip", "RK3588 NPU (3 cores, 6 TOPS)"],
    ]);
    expect(accelerators[1]?.driverVersion).toBe("0.9.8");
    expect((await metrics("rock-5b")).temperatureCelsius).toBe(34.23);
  });
});

describe("an x86 box with AVX512-VNNI", () => {
  it("is named by its firmware, not by the placeholders in it", async () => {
    const { board, cpu, accelerators, network } = await collect("x86-nuc11");
    expect(board).toEqual({ manufacturer: "Intel(R) Client Systems", model: "NUC11TNHi5" });
    expect(cpu).toMatchObject({ architecture: "x64", vendor: "GenuineIntel", logicalCores: 8, physicalCores: 4 });
    expect(cpu.maximumFrequencyMhz).toBe(4200);
    expect(cpu.features).toMatchObject({ avx2: true, avx512f: true, avx512vnni: true, avxvnni: false, amxInt8: false });
    expect(accelerators).toEqual([
      { kind: "gpu", vendor: "intel", model: "Intel graphics 0x9a49", sharedMemory: true },
    ]);
    expect(network.interfaces).toEqual(["enp88s0"]);
  });
});

describe("every board", () => {
  it.each(BOARDS)("%s reports no serial number, only a hash that needs the installation's salt", async (board) => {
    const inventory = await collect(board);
    const serial = (await boardFiles(board).readText("/proc/device-tree/serial-number"))?.replace("\0", "");
    if (serial === undefined) return expect(inventory.board.serialHash).toBeUndefined();
    expect(serial.length).toBeGreaterThan(8);
    expect(JSON.stringify(inventory)).not.toContain(serial);
    expect(inventory.board.serialHash).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it.each(BOARDS)("%s gets the firmware profile %s", async (board, id) => {
    expect(matchProfile(await collect(board), profiles)?.profile.id).toBe(id);
  });

  it.each(BOARDS)("%s is what an emulated %s reports", async (board, id) => {
    const { referenceInventory } = profile(id);
    const real = await collect(board, referenceInventory.operatingSystem.glibc);
    const { serialHash: _hash, ...realBoard } = real.board;
    expect({ ...referenceInventory, disk: undefined }).toEqual({
      board: realBoard,
      cpu: real.cpu,
      memory: real.memory,
      disk: undefined,
      accelerators: real.accelerators,
      ...(real.jetson === undefined ? {} : { jetson: real.jetson }),
      thermalZones: real.thermalZones,
      operatingSystem: real.operatingSystem,
      network: real.network,
    });
  });
});
