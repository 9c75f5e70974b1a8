import { describe, expect, it } from "vitest";
import type { FirmwareProfile, ProfileTemplate } from "./firmware-profile.js";
import { inheritedFacts, mergeParts, resolveProfile } from "./resolve-profile.js";

const template = (id: string, rest: Partial<ProfileTemplate> = {}): [string, ProfileTemplate] => [
  id,
  { profileVersion: 1, id, title: id, ...rest },
];
const trap = (id: string, text: string) => ({ id, text, sources: ["s"] });
const file: FirmwareProfile = {
  profileVersion: 1,
  id: "box",
  title: "Box",
  extends: ["second"],
  sources: [{ id: "s", fact: "f", source: "s" }],
  match: { priority: 1, all: [{ field: "cpu.architecture", equals: "x64" }] },
  referenceInventory: {
    board: { model: "Box" },
    cpu: { architecture: "x64", logicalCores: 2, features: {} },
    memory: { totalBytes: 1e9 },
    disk: { path: "/", totalBytes: 1, availableBytes: 1 },
    accelerators: [],
    thermalZones: [],
    operatingSystem: { name: "Linux", kernel: "6" },
    network: { hostname: "box", interfaces: [] },
  },
};

describe("a firmware profile with templates", () => {
  it("says itself only what its templates do not say; the nearest word wins, and lists keep the order of the templates", () => {
    const templates = new Map([
      template("first", {
        traps: [trap("a", "first"), trap("b", "first")],
        memory: { modelShare: 0.5, reason: "first" },
      }),
      template("second", { extends: ["first"], traps: [trap("c", "second"), { id: "a", text: "second" }] }),
    ]);
    const facts = mergeParts(inheritedFacts(file, templates), { memory: { reason: "own" } });
    expect(facts.traps).toEqual([
      { id: "a", text: "second", sources: ["s"] },
      { id: "b", text: "first", sources: ["s"] },
      { id: "c", text: "second", sources: ["s"] },
    ]);
    expect(facts.memory).toEqual({ modelShare: 0.5, reason: "own" });
  });

  it("that are missing, or extend each other, is refused by name", () => {
    expect(() => resolveProfile(file, new Map())).toThrow(/box extends second, which is no template/);
    const circle = new Map([template("second", { extends: ["first"] }), template("first", { extends: ["second"] })]);
    expect(() => resolveProfile(file, circle)).toThrow(/second > first > second extend each other/);
  });

  it("that leave something open is refused, and the message names what", () => {
    expect(() => resolveProfile(file, new Map([template("second")]))).toThrow(
      /box is not complete.*memory.*executionProviders/,
    );
  });
});
