import { loadProfiles } from "@sartor/firmware-profiles";
import { toEmulatedInventory } from "@sartor/shared/domain/hardware";
import type { Inventory } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { NOT_PLANNED_BY, planningKey } from "./planning-key.js";

const profiles = loadProfiles();
const runtime = {
  agentVersion: "0.1.0",
  nodeVersion: "v24",
  onnxRuntimeVersion: "1.30.0",
  executionProviders: [{ name: "cpu", bundled: true }],
};
const inventoryOf = (index: number): Inventory => {
  const profile = profiles[index];
  if (profile === undefined) throw new Error("no such profile");
  return toEmulatedInventory(profile.id, profile.referenceInventory, { runtime, collectedAt: 1 });
};

describe("what a plan depends on", () => {
  it("is the same for two devices of a kind", () => {
    const one = inventoryOf(0);
    const other: Inventory = {
      ...one,
      collectedAt: 2,
      network: { hostname: "other", interfaces: [] },
      disk: { ...one.disk, availableBytes: 1 },
      board: { ...one.board, serialHash: "abc" },
    };
    expect(planningKey(other)).toBe(planningKey(one));
  });

  it("differs with the kind of hardware, its memory, its power mode and its runtime", () => {
    const one = inventoryOf(0);
    const changed: Inventory[] = [
      inventoryOf(1),
      { ...one, memory: { totalBytes: 1 } },
      { ...one, jetson: { module: "x", powerMode: { id: 3 } } },
      { ...one, runtime: { ...runtime, onnxRuntimeVersion: "1.29.0" } },
      { ...one, emulated: false },
    ];
    expect(new Set([one, ...changed].map(planningKey)).size).toBe(changed.length + 1);
  });

  it("is all that firmware profiles ask for", () => {
    const asked = profiles.flatMap(({ match }) =>
      [...match.all, ...(match.any ?? []), ...(match.none ?? [])].map((rule) => rule.field),
    );
    expect(asked.length).toBeGreaterThan(0);
    expect(
      asked.filter((field) => NOT_PLANNED_BY.some((left) => field === left || field.startsWith(`${left}.`))),
    ).toEqual([]);
  });
});
