import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Inventory, inventorySchema } from "../../protocol/index.js";
import type { FirmwareProfile } from "./firmware-profile.js";
import { inventoryChanged, inventoryChanges } from "./inventory-changed.js";
import { matchProfile, ruleHolds } from "./match-profile.js";
import { matchRuleSchema } from "./match-rule.js";

const device: Inventory = inventorySchema.parse({
  schemaVersion: 1,
  collectedAt: 1,
  emulated: false,
  board: { model: "Box", compatible: ["acme,box", "acme,chip"] },
  cpu: { architecture: "arm64", logicalCores: 4, features: { dotprod: true } },
  memory: { totalBytes: 8_000_000_000 },
  disk: { path: "/", totalBytes: 1_000_000, availableBytes: 500_000 },
  accelerators: [
    { kind: "gpu", vendor: "nvidia", model: "A", computeCapability: "7.5" },
    { kind: "gpu", vendor: "nvidia", model: "B", computeCapability: "8.9" },
  ],
  thermalZones: [
    { name: "a", path: "/a" },
    { name: "b", path: "/b" },
  ],
  operatingSystem: { name: "Linux", kernel: "6" },
  network: { hostname: "h", interfaces: ["eth0", "wlan0"] },
  runtime: { agentVersion: "1", nodeVersion: "24", onnxRuntimeVersion: "1.30.0", executionProviders: [] },
});
const withDisk = (availableBytes: number): Inventory => ({ ...device, disk: { ...device.disk, availableBytes } });

describe("whether a device must report again", () => {
  it("not for the time, nor for the order of lists, nor for a little disk", () => {
    const later: Inventory = {
      ...withDisk(549_999),
      collectedAt: 99,
      thermalZones: [...device.thermalZones].reverse(),
      network: { interfaces: ["wlan0", "eth0"], hostname: "h" },
    };
    expect(inventoryChanges(device, later)).toEqual([]);
  });

  it("for a twentieth of the disk, a core that went offline, another kernel or a card that was pulled", () => {
    expect(inventoryChanges(device, withDisk(550_000))).toEqual(["disk"]);
    expect(inventoryChanges(device, withDisk(450_000))).toEqual(["disk"]);
    expect(inventoryChanges(device, { ...device, cpu: { ...device.cpu, logicalCores: 3 } })).toEqual(["cpu"]);
    expect(inventoryChanges(device, { ...device, operatingSystem: { name: "Linux", kernel: "7" } })).toEqual([
      "operatingSystem",
    ]);
    expect(inventoryChanges(device, { ...device, accelerators: device.accelerators.slice(1) })).toEqual([
      "accelerators",
    ]);
    expect(inventoryChanges(device, { ...device, jetson: { module: "m" } })).toEqual(["jetson"]);
  });

  it("the same in both directions, and never for an inventory compared with its own copy", () => {
    const some = fc.record({ availableBytes: fc.nat(1_000_000), logicalCores: fc.integer({ min: 1, max: 8 }) });
    const made = ({ availableBytes, logicalCores }: { availableBytes: number; logicalCores: number }): Inventory => ({
      ...withDisk(availableBytes),
      cpu: { ...device.cpu, logicalCores },
    });
    fc.assert(
      fc.property(some, some, (a, b) => {
        expect(inventoryChanged(made(a), made(b))).toBe(inventoryChanged(made(b), made(a)));
        expect(inventoryChanged(made(a), JSON.parse(JSON.stringify(made(a))))).toBe(false);
      }),
    );
  });
});

const profile = (id: string, match: FirmwareProfile["match"]): FirmwareProfile => ({
  profileVersion: 1,
  id,
  title: id,
  sources: [{ fact: "f", source: "s" }],
  match,
  referenceInventory: device,
});

describe("the firmware profile of a device", () => {
  it.each([
    [{ field: "board.model", equals: "Box" }, true],
    [{ field: "board.model", startsWith: "B" }, true],
    [{ field: "board.compatible", includes: "acme,chip" }, true],
    [{ field: "board.compatible.0", equals: "acme,box" }, true],
    [{ field: "accelerators.*.computeCapability", atLeast: 8.6 }, true],
    [{ field: "accelerators.*.computeCapability", atLeast: 9 }, false],
    [{ field: "accelerators.*.computeCapability", oneOf: ["7.5"] }, true],
    [{ field: "memory.totalBytes", atMost: 4e9 }, false],
    [{ field: "jetson.module", equals: "x" }, false],
    [{ field: "jetson", exists: false }, true],
    [{ field: "cpu.features.i8mm", equals: false }, false],
    [{ field: "board.constructor", exists: true }, false],
  ])("rule %j holds: %s", (rule, expected) => {
    expect(ruleHolds(matchRuleSchema.parse(rule), device)).toBe(expected);
  });

  it("a rule compares exactly once", () => {
    expect(matchRuleSchema.safeParse({ field: "cpu.architecture" }).success).toBe(false);
    expect(matchRuleSchema.safeParse({ field: "cpu.architecture", equals: "x64", exists: true }).success).toBe(false);
  });

  it("is the most specific that fits, whatever the order of the files, and its reasons are told", () => {
    const generic = profile("generic", { priority: 0, all: [{ field: "cpu.architecture", equals: "arm64" }] });
    const chip = profile("chip", { priority: 50, all: [{ field: "board.compatible", includes: "acme,chip" }] });
    const other = profile("other", { priority: 100, all: [{ field: "cpu.architecture", equals: "x64" }] });
    for (const order of [
      [generic, chip, other],
      [other, chip, generic],
    ]) {
      expect(matchProfile(device, order)?.profile.id).toBe("chip");
    }
    expect(matchProfile(device, [chip])?.reasons).toEqual(["board.compatible includes acme,chip"]);
  });

  it("is none when nothing fits, or when something excludes it", () => {
    const excluded = profile("excluded", {
      priority: 1,
      all: [{ field: "cpu.architecture", equals: "arm64" }],
      none: [{ field: "cpu.features.dotprod", equals: true }],
    });
    expect(matchProfile(device, [excluded])).toBeUndefined();
    expect(matchProfile(device, [])).toBeUndefined();
  });
});
