import { loadProfiles } from "@sartor/firmware-profiles";
import { profileDevice, toEmulatedInventory } from "@sartor/shared/domain/hardware";
import { modelCardSchema, planTailoring } from "@sartor/shared/domain/tailoring";
import { tailoringPolicySchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { planText } from "./plan-text.js";

/** The plan of a small convolutional network for the reference hardware of a profile. */
function planFor(profileId: string, policy: Record<string, unknown> = {}) {
  const profiles = loadProfiles();
  const profile = profiles.find(({ id }) => id === profileId);
  if (profile === undefined) throw new Error(`no profile ${profileId}`);
  const runtime = {
    agentVersion: "0.1.0",
    nodeVersion: "v24",
    onnxRuntimeVersion: "1.30.0",
    executionProviders: [{ name: "cpu", bundled: true }],
  };
  const reference = toEmulatedInventory(profile.id, profile.referenceInventory, { runtime, collectedAt: 0 });
  const inventory = { ...reference, emulated: false };
  const device = profileDevice(inventory, profiles);
  if (device === undefined) throw new Error("no profile fits");
  const variants = (["fp32", "fp16", "int8-u8s8-reduced", "int8-s8s8"] as const).map((kind) => ({
    name: kind,
    kind,
    fileBytes: 700_000,
    accuracy: kind === "fp32" ? 0.99 : 0.988,
  }));
  const card = modelCardSchema.parse({
    model: "signs",
    version: "1.2.3",
    family: "convolution",
    macs: 38_600_000,
    variants,
  });
  const planId = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  return planTailoring({
    planId,
    now: 0,
    inventory,
    device,
    card,
    policy: tailoringPolicySchema.parse(policy),
    measurements: [],
  });
}

/** Text with its line breaks undone. */
const flat = (text: string) => text.replace(/\s+/g, " ");

describe("a plan on the terminal", () => {
  it("tells each candidate with its cost and all reasons, what was ruled out, and what else would be possible", () => {
    const plan = planFor("jetson-agx-orin");
    const text = planText(plan);
    expect(text).toContain("signs 1.2.3 on");
    expect(plan.candidates.length).toBeGreaterThan(1);
    for (const { rank, variant, reasons } of plan.candidates) {
      expect(text).toMatch(
        new RegExp(`^${rank}\\. ${variant.name} on cpu, \\d+ threads?.*:\n +[\\d.]+ ms estimated`, "m"),
      );
      for (const reason of reasons) expect(flat(text)).toContain(flat(reason));
    }
    const fp16 = plan.ruledOut.find(({ variant, code }) => variant.name === "fp16" && code !== "outranked");
    expect(flat(text)).toContain(flat(fp16?.reason ?? "fp16 was not ruled out"));
    expect(plan.unlocks.length).toBeGreaterThan(0);
    for (const { text: unlock } of plan.unlocks) expect(flat(text)).toContain(flat(unlock));
  });

  it("says why there is no candidate, and that hardware is unknown", () => {
    expect(flat(planText(planFor("raspberry-pi-4", { minimumAccuracy: 1 })))).toContain("Ruled out");
    expect(planText(planFor("generic"))).toContain("No firmware profile knows this hardware");
  });

  it("has no line that is wider than a page", () => {
    for (const id of ["jetson-agx-orin", "generic", "rk3588"]) {
      for (const line of planText(planFor(id)).split("\n")) expect(line.length, line).toBeLessThanOrEqual(110);
    }
  });
});
