import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { matchProfile, profileFits } from "@sartor/shared/domain/hardware";
import { describe, expect, it } from "vitest";
import { loadProfiles } from "./load-profiles.js";

const profiles = loadProfiles();

describe("the firmware profiles", () => {
  it("are all valid and cover the six boards", () => {
    expect(profiles.map((profile) => profile.id)).toEqual([
      "jetson-nano-4gb",
      "jetson-orin-nano-8gb",
      "raspberry-pi-4",
      "raspberry-pi-5",
      "rk3588",
      "x86-64-avx512-vnni",
    ]);
  });

  it.each(profiles.map((profile) => [profile.id, profile] as const))(
    "%s is the profile of its own reference device, and no other fits it",
    (id, profile) => {
      expect(matchProfile(profile.referenceInventory, profiles)?.profile.id).toBe(id);
      expect(
        profiles.filter((other) => profileFits(other, profile.referenceInventory)).map((other) => other.id),
      ).toEqual([id]);
    },
  );

  it("with an error are refused, and the message names the profile and the field", () => {
    const folder = mkdtempSync(join(tmpdir(), "sartor-profiles-"));
    try {
      writeFileSync(join(folder, "wrong.json"), JSON.stringify({ ...profiles[0], id: "wrong", title: "" }));
      expect(() => loadProfiles(folder)).toThrow(/wrong is invalid: title/);
      writeFileSync(join(folder, "wrong.json"), JSON.stringify(profiles[0]));
      expect(() => loadProfiles(folder)).toThrow(/calls itself jetson-nano-4gb/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
