import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { defaultHardware } from "./hardware-ids.js";

const folder = mkdtempSync(join(tmpdir(), "sartor-hardware-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const profile = (name: string) =>
  fileURLToPath(new URL(`../../../firmware-profiles/profiles/${name}.json`, import.meta.url));
const OWN = [`${process.platform}-${process.arch}`];

/** The Orin's profile with another processor. */
function withArchitecture(architecture: string): string {
  const path = join(folder, `${architecture}.json`);
  const json = JSON.parse(readFileSync(profile("jetson-orin-nano-8gb"), "utf8"));
  json.referenceInventory.cpu.architecture = architecture;
  writeFileSync(path, JSON.stringify(json));
  return path;
}

describe("the kind of hardware that a device is", () => {
  it("is what Node runs on where nothing is emulated", async () => {
    expect(await defaultHardware(undefined)).toEqual(OWN);
  });

  it("is what is emulated, since that decides which bundles are for it", async () => {
    expect(await defaultHardware(profile("jetson-orin-nano-8gb"))).toEqual(["linux-arm64"]);
    expect(await defaultHardware(withArchitecture("x64"))).toEqual(["linux-x64"]);
  });

  it("is this machine's when the emulated processor is of no kind that bundles are made for", async () => {
    expect(await defaultHardware(withArchitecture("other"))).toEqual(OWN);
  });

  it("stops the start when the emulated one cannot be read", async () => {
    await expect(defaultHardware(join(folder, "none.json"))).rejects.toMatchObject({ code: "SRT_CONFIG_INVALID" });
  });
});
