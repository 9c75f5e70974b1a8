import { bundleTargetPath, type DirectorTargetCustom, type ImageTargetCustom } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DeviceFacts, matchBundle, type TargetStatement, type WantedBundle } from "./match-bundle.js";

const HEX = "ab".repeat(32);
const ROLLOUT = "01JZZZZZZZZZZZZZZZZZZZZZZZ";
const wanted: WantedBundle = {
  bundleId: `sha256:${HEX}`,
  manifestBytes: 812,
  model: "road-sign",
  version: "1.2.0",
  purpose: "deployment",
  rolloutId: ROLLOUT,
};
const image: ImageTargetCustom = {
  schemaVersion: 1,
  bundleId: wanted.bundleId,
  model: wanted.model,
  version: wanted.version,
  variant: { name: "fp32", kind: "fp32" },
  hardware: ["linux-arm64", "camera-7"],
  releaseCounter: 5,
  totalBytes: 1_000,
};
const director: DirectorTargetCustom = {
  schemaVersion: 1,
  deviceId: "device-1",
  hardware: "linux-arm64",
  releaseCounter: 5,
  purpose: "deployment",
  rolloutId: ROLLOUT,
};
const device: DeviceFacts = { deviceId: "device-1", hardware: ["linux-arm64"], floorOf: () => 5 };
const statement = (custom: unknown, changes: Partial<TargetStatement> = {}): TargetStatement => ({
  length: 812,
  hashes: { sha256: HEX },
  custom,
  ...changes,
});
const both = { director: statement(director), image: statement(image) };
const code = (name: string) =>
  expect.objectContaining({ code: `SRT_TRUST_${name}`, message: expect.stringContaining(bundleTargetPath(wanted)) });

describe("a bundle is installed only if director and image repository agree", () => {
  it("and then its manifest's length and digest are known", () => {
    expect(matchBundle(wanted, both, device)).toMatchObject({
      path: `road-sign/1.2.0/${HEX}.json`,
      length: 812,
      sha256: HEX,
      releaseCounter: 5,
    });
  });

  it.each([
    ["only the director has it (its key was stolen)", { image: undefined }, "UNSIGNED"],
    ["only the image repository has it", { director: undefined }, "MISMATCH"],
    ["lengths differ", { director: statement(director, { length: 813 }) }, "MISMATCH"],
    ["a hash differs", { director: statement(director, { hashes: { sha256: "cd".repeat(32) } }) }, "MISMATCH"],
    ["one has a hash more", { image: statement(image, { hashes: { sha256: HEX, sha512: HEX } }) }, "MISMATCH"],
    ["it is for another device", { director: statement({ ...director, deviceId: "device-2" }) }, "WRONG_DEVICE"],
    ["it is for other hardware", { director: statement({ ...director, hardware: "camera-7" }) }, "WRONG_HARDWARE"],
    ["it does not run on the hardware", { image: statement({ ...image, hardware: ["linux-x64"] }) }, "WRONG_HARDWARE"],
    ["counters differ", { director: statement({ ...director, releaseCounter: 6 }) }, "MISMATCH"],
    ["it is only to be measured", { director: statement({ ...director, purpose: "candidate" }) }, "MISMATCH"],
    ["it is of another rollout", { director: statement({ ...director, rolloutId: null }) }, "MISMATCH"],
    ["it was released as another version", { image: statement({ ...image, version: "1.3.0" }) }, "MISMATCH"],
    ["custom is missing", { image: statement({}) }, "METADATA_INVALID"],
  ])("refused when %s", (_, changes, expected) => {
    expect(() => matchBundle(wanted, { ...both, ...changes }, device)).toThrow(code(expected));
  });

  it("refused when its counter is below the installed one, whatever the order says", () => {
    expect(() => matchBundle(wanted, both, { ...device, floorOf: () => 6 })).toThrow(code("ROLLBACK"));
  });

  it("any single change to what was signed is refused, and only that", () => {
    const hardware = fc.constantFrom("linux-x64", "linux-arm64", "camera-7");
    fc.assert(
      fc.property(
        fc.record({
          length: fc.integer({ min: 811, max: 813 }),
          hash: fc.constantFrom(HEX, "cd".repeat(32)),
          deviceId: fc.constantFrom("device-1", "device-2"),
          ordered: hardware,
          runsOn: fc.uniqueArray(hardware, { minLength: 1 }),
          own: fc.uniqueArray(hardware, { minLength: 1 }),
          counters: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
          floor: fc.integer({ min: 0, max: 9 }),
        }),
        ({ length, hash, deviceId, ordered, runsOn, own, counters: [one, other], floor }) => {
          const agrees =
            length === 812 &&
            hash === HEX &&
            deviceId === "device-1" &&
            runsOn.includes(ordered) &&
            own.includes(ordered) &&
            one === other &&
            one >= floor;
          const run = () =>
            matchBundle(
              wanted,
              {
                director: statement(
                  { ...director, deviceId, hardware: ordered, releaseCounter: one },
                  { length, hashes: { sha256: hash } },
                ),
                image: statement({ ...image, hardware: runsOn, releaseCounter: other }),
              },
              { deviceId: "device-1", hardware: own, floorOf: () => floor },
            );
          if (agrees) expect(run().releaseCounter).toBe(one);
          else expect(run).toThrow(expect.objectContaining({ code: expect.stringMatching(/^SRT_TRUST_/) }));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
