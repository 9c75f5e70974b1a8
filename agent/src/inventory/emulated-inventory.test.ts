import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { loadEmulatedInventory } from "./emulated-inventory.js";

const folder = mkdtempSync(join(tmpdir(), "sartor-emulated-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const own = {
  collectedAt: 42,
  runtime: { agentVersion: "0.1.0", nodeVersion: "v24", onnxRuntimeVersion: "1.30.0", executionProviders: [] },
};
const orin = fileURLToPath(new URL("../../../firmware-profiles/profiles/jetson-orin-nano-8gb.json", import.meta.url));

describe("an emulated device", () => {
  it("reports its profile's hardware, marked as emulated, and the runtime that really runs", async () => {
    const inventory = await loadEmulatedInventory(orin, own);
    expect(inventory).toMatchObject({ emulated: true, emulatedProfile: "jetson-orin-nano-8gb", collectedAt: 42 });
    expect(inventory.jetson?.module).toBe("jetson-orin-nano-8gb");
    expect(inventory.runtime).toEqual(own.runtime);
  });

  it("cannot pass for a real one, even if its file says so", async () => {
    const path = join(folder, "lies.json");
    const { runtime: _runtime, ...rest } = await loadEmulatedInventory(orin, own);
    writeFileSync(path, JSON.stringify({ ...rest, emulated: false, runtime: { agentVersion: "9" } }));
    expect(await loadEmulatedInventory(path, own)).toMatchObject({ emulated: true, runtime: own.runtime });
  });

  it("does not start from a file that is missing, broken, not an inventory or far too large", async () => {
    const cases = { "broken.json": "{", "other.json": '{"hello":1}', "large.json": `"${"x".repeat(1_100_000)}"` };
    for (const [name, content] of Object.entries(cases)) {
      const path = join(folder, name);
      writeFileSync(path, content);
      await expect(loadEmulatedInventory(path, own)).rejects.toMatchObject({ code: "SRT_CONFIG_INVALID" });
    }
    await expect(loadEmulatedInventory(join(folder, "none.json"), own)).rejects.toMatchObject({
      code: "SRT_CONFIG_INVALID",
    });
  });
});
