import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  deviceCapabilities,
  firmwareProfileJsonSchema,
  type LintedProfile,
  lintProfiles,
  matchProfile,
  profileDevice,
  type ResolvedProfile,
  toEmulatedInventory,
} from "@sartor/shared/domain/hardware";
import { afterAll, describe, expect, it } from "vitest";
import { loadProfileFiles, loadProfiles } from "./load-profiles.js";
import { SCHEMA_PATH, schemaIsCurrent } from "./schema-file.js";

const files = loadProfileFiles();
const profiles = files.profiles.map((profile) => profile.resolved);
const byId = (id: string): LintedProfile => {
  const found = files.profiles.find((profile) => profile.resolved.id === id);
  if (found === undefined) throw new Error(`no profile ${id}`);
  return found;
};
const runtime = {
  agentVersion: "0.1.0",
  nodeVersion: "v24",
  onnxRuntimeVersion: "1.30.0",
  executionProviders: [{ name: "cpu", bundled: true }],
};
const inventoryOf = (profile: ResolvedProfile) =>
  toEmulatedInventory(profile.id, profile.referenceInventory, { runtime, collectedAt: 1 });

describe("the firmware profiles", () => {
  it("cover every kind of device that Sartor promises", () => {
    expect(profiles.map((profile) => profile.id)).toEqual([
      "arm64-i8mm",
      "arm64-v8-0",
      "arm64-v8-2-dotprod",
      "generic",
      "intel-igpu",
      "jetson-agx-orin",
      "jetson-agx-xavier",
      "jetson-nano-4gb",
      "jetson-orin-nano-4gb",
      "jetson-orin-nano-8gb",
      "jetson-orin-nx",
      "jetson-tx2",
      "jetson-xavier-nx",
      "nvidia-cc-6-1",
      "nvidia-cc-7-0",
      "nvidia-cc-7-5",
      "nvidia-cc-8-0",
      "nvidia-cc-8-6",
      "nvidia-cc-8-9",
      "nvidia-cc-9-0",
      "raspberry-pi-3",
      "raspberry-pi-4",
      "raspberry-pi-5",
      "rk3568",
      "rk3588",
      "x86-64-amx",
      "x86-64-avx-vnni",
      "x86-64-avx2",
      "x86-64-avx512",
      "x86-64-avx512-vnni",
    ]);
  });

  it("pass the linter", () => {
    expect(lintProfiles(files)).toEqual([]);
  });

  it("are checked in editors by a JSON Schema that is the one the code checks with", () => {
    expect(schemaIsCurrent(), "npm run schema -w @sartor/firmware-profiles").toBe(true);
    expect(JSON.parse(readFileSync(SCHEMA_PATH, "utf8"))).toEqual(
      JSON.parse(JSON.stringify(firmwareProfileJsonSchema())),
    );
  });

  it("make a mixed fleet of the first few that a demo takes", () => {
    const first = loadProfiles().slice(0, 5);
    expect(new Set(first.map((profile) => profile.id.split("-")[0])).size).toBe(5);
    expect(
      loadProfiles()
        .map((profile) => profile.id)
        .sort(),
    ).toEqual(profiles.map((profile) => profile.id));
  });
});

describe("a device in the field", () => {
  const deviceTypeOf = (id: string) => profileDevice(inventoryOf(byId(id).resolved), profiles)?.deviceType;

  it.each([
    ["jetson-orin-nx", "jetson-orin-nx"],
    ["raspberry-pi-4", "raspberry-pi-4"],
    ["nvidia-cc-8-6", "x86-64-avx2+nvidia-cc-8-6"],
    ["x86-64-avx512-vnni", "x86-64-avx512-vnni+intel-igpu"],
    ["x86-64-amx", "x86-64-amx"],
  ])("like the reference of %s is of the type %s", (id, deviceType) => {
    expect(deviceTypeOf(id)).toBe(deviceType);
  });

  it("that nothing knows gets the safe profile, and the result says so", () => {
    const unknown = inventoryOf(byId("generic").resolved);
    expect(profileDevice(unknown, profiles)).toMatchObject({ deviceType: "generic", generic: true });
    const known = profileDevice(inventoryOf(byId("rk3588").resolved), profiles);
    expect(known?.generic).toBe(false);
  });

  it("with a GPU that its runtime cannot reach is told what to install, and keeps the CPU", () => {
    const inventory = inventoryOf(byId("jetson-orin-nano-8gb").resolved);
    const device = profileDevice(inventory, profiles);
    if (device === undefined) throw new Error("no profile");
    const { providers } = deviceCapabilities(inventory, device, { providers: "reported" });
    expect(providers.map(({ facts, installed }) => [facts.name, facts.adapter, installed])).toEqual([
      ["tensorrt", "triton", false],
      ["cpu", "onnxruntime-node", true],
    ]);
    expect(providers[0]?.facts.needs).toMatch(/Triton/);
    const withTriton = deviceCapabilities(inventory, device, { providers: "reported", adapters: ["triton"] });
    expect(withTriton.providers[0]?.installed).toBe(true);
  });

  it("with two cards has each execution provider once, from the newer card", () => {
    const inventory = inventoryOf(byId("nvidia-cc-8-6").resolved);
    const older = inventoryOf(byId("nvidia-cc-6-1").resolved).accelerators;
    const both = { ...inventory, accelerators: [...older, ...inventory.accelerators] };
    expect(profileDevice(both, profiles)?.deviceType).toBe("x86-64-avx2+nvidia-cc-8-6");
  });

  it("with large and small cores is planned with the large ones", () => {
    const inventory = inventoryOf(byId("rk3588").resolved);
    const device = profileDevice(inventory, profiles);
    if (device === undefined) throw new Error("no profile");
    expect(deviceCapabilities(inventory, device, { providers: "all" })).toMatchObject({
      fastCores: 4,
      fastCore: "Cortex-A76",
      clockMhz: 2400,
    });
  });

  it("with a module that several profiles could claim gets the nearest, whatever the order of files", () => {
    const inventory = inventoryOf(byId("raspberry-pi-5").resolved);
    expect(matchProfile(inventory, profiles)?.profile.id).toBe("raspberry-pi-5");
    expect(matchProfile(inventory, [...profiles].reverse())?.profile.id).toBe("raspberry-pi-5");
  });
});

describe("the linter tells", () => {
  const lintWith = (id: string, change: (profile: LintedProfile) => LintedProfile) => {
    const changed = files.profiles.map((profile) => (profile.file.id === id ? change(profile) : profile));
    return lintProfiles({ ...files, profiles: changed }).map(({ file, rule, text }) => `${file}: ${rule}: ${text}`);
  };
  const resolved = (change: (profile: ResolvedProfile) => ResolvedProfile) => (profile: LintedProfile) => ({
    ...profile,
    resolved: change(profile.resolved),
  });

  it("a profile that does not match its own device, or is shadowed by another", () => {
    const wrong = lintWith(
      "rk3588",
      resolved((profile) => ({ ...profile, match: { priority: 50, all: [{ field: "board.model", equals: "?" }] } })),
    );
    expect(wrong).toContainEqual(expect.stringContaining("rk3588: matches-itself: does not match its own"));
    const rule = { field: "cpu.architecture", equals: "arm64" } as const;
    const shadowing = lintWith(
      "arm64-v8-0",
      resolved((profile) => ({ ...profile, match: { priority: 100, all: [rule] } })),
    );
    expect(shadowing).toContainEqual("raspberry-pi-4: matches-itself: its own reference inventory leads to arm64-v8-0");
    const tie = lintWith(
      "arm64-v8-0",
      resolved((profile) => ({ ...profile, match: { priority: 50, all: [rule] } })),
    );
    expect(tie).toContainEqual(
      expect.stringMatching(/raspberry-pi-4: matches-itself: fits its reference inventory no better than arm64-v8-0/),
    );
  });

  it("a provider that its adapter does not have, and a device without the CPU as a way out", () => {
    const problems = lintWith(
      "jetson-tx2",
      resolved((profile) => ({
        ...profile,
        executionProviders: profile.executionProviders
          .filter((provider) => provider.name !== "cpu")
          .map((provider) => ({ ...provider, adapter: "onnxruntime-node" as const, needs: undefined })),
      })),
    );
    expect(problems).toContainEqual(expect.stringContaining("onnxruntime-node does not offer tensorrt on arm64"));
    expect(problems).toContainEqual(expect.stringContaining("does not say what tensorrt needs"));
    expect(problems).toContainEqual(expect.stringContaining("has no way out"));
    expect(problems).toContainEqual(expect.stringContaining("a provider that it does not have"));
  });

  it("a variant without a standing, a forbidden fp32, a speedup out of order", () => {
    const problems = lintWith(
      "rk3568",
      resolved((profile) => ({
        ...profile,
        precisions: profile.precisions.flatMap((entry) => {
          if (entry.variant === "int8-dynamic") return [];
          if (entry.variant === "fp32") return [{ ...entry, standing: "never" as const, speedup: undefined }];
          if (entry.variant !== "int8-s8s8") return [entry];
          return [{ ...entry, speedup: { low: 3, typical: 0.5, high: 1 } }];
        }),
      })),
    );
    expect(problems).toContainEqual("rk3568: precisions-complete: says nothing of int8-dynamic on cpu");
    expect(problems).toContainEqual(expect.stringContaining("forbids fp32 on cpu"));
    expect(problems).toContainEqual(expect.stringContaining("int8-s8s8 on cpu is not in order"));
    expect(problems).toContainEqual(
      expect.stringContaining("prefers int8-s8s8 on cpu, which is expected to be slower"),
    );
  });

  it("a fact without a source, a source without a fact, and a speed that is neither measured nor called an assumption", () => {
    const problems = lintWith("jetson-tx2", ({ file, resolved: profile }) => ({
      file: { ...file, sources: [...file.sources, { id: "unused", fact: "f", source: "s" }] },
      resolved: {
        ...profile,
        sources: profile.sources.filter((source) => source.id !== "tx2-heat"),
        executionProviders: profile.executionProviders.map((provider) => ({
          ...provider,
          throughput: { ...provider.throughput, basis: "as everybody knows", sources: undefined },
        })),
      },
    }));
    expect(problems).toContainEqual("jetson-tx2: sources-present: names the source tx2-heat, which is not listed");
    expect(problems).toContainEqual(
      expect.stringContaining('the speed of cpu has neither a source nor the word "Assumption:"'),
    );
    expect(problems).toContainEqual("jetson-tx2: sources-used: no fact names the source unused");
  });

  it("power modes with one name, with too large a budget, or unlike those that the device reports", () => {
    const problems = lintWith(
      "jetson-nano-4gb",
      resolved((profile) => ({
        ...profile,
        power: {
          maximumMilliwatts: 10_000,
          modes: [
            { id: 0, name: "MAXN", budgetMilliwatts: 20_000 },
            { id: 2, name: "MAXN" },
          ],
          sources: ["nano-modes"],
        },
      })),
    );
    expect(problems).toContainEqual(expect.stringContaining("two power modes named MAXN"));
    expect(problems).toContainEqual(expect.stringContaining("MAXN has a larger budget than the module"));
    expect(problems).toContainEqual(
      expect.stringContaining("reports power mode 1 5W, which the profile does not know"),
    );
  });

  it("more memory for a model than the device has", () => {
    const problems = lintWith(
      "raspberry-pi-3",
      resolved((profile) => ({ ...profile, memory: { ...profile.memory, maximumModelBytes: 2e9 } })),
    );
    expect(problems).toContainEqual(expect.stringContaining("more memory than the reference device has"));
  });

  it("what a template says already, an entry that stands twice, and a template that nothing extends", () => {
    const problems = lintWith("raspberry-pi-4", ({ file, resolved: profile }) => ({
      file: {
        ...file,
        memory: { modelShare: 0.5 },
        traps: [
          { id: "passive-cooling", sources: ["pi-heat"] },
          { id: "passive-cooling", text: "again" },
        ],
      },
      resolved: profile,
    }));
    expect(problems).toContainEqual(
      "raspberry-pi-4: nothing-said-twice: memory.modelShare says what a template says already",
    );
    expect(problems).toContainEqual(
      "raspberry-pi-4: nothing-said-twice: traps.passive-cooling.sources says what a template says already",
    );
    expect(problems).toContainEqual("raspberry-pi-4: entries-once: traps has passive-cooling twice");
    const unused = new Map([
      ...files.templates,
      ["lonely", { profileVersion: 1 as const, id: "lonely", title: "Lonely" }],
    ]);
    expect(lintProfiles({ ...files, templates: unused })).toEqual([
      { file: "lonely", rule: "template-used", text: "is extended by nothing" },
    ]);
  });
});

describe("files with an error are refused, and the message names the file and the field", () => {
  const root = mkdtempSync(join(tmpdir(), "sartor-profiles-"));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const folder = join(root, "profiles");
  mkdirSync(folder);
  cpSync(fileURLToPath(new URL("../templates", import.meta.url)), join(root, "templates"), { recursive: true });
  const own = byId("rk3588").file;

  it.each([
    ["a field that is empty", { ...own, id: "wrong", title: "" }, /wrong is invalid: title/],
    ["a field that does not exist", { ...own, id: "wrong", colour: "red" }, /wrong is invalid.*colour/],
    ["another name than its file's", own, /calls itself rk3588/],
    ["a template that does not exist", { ...own, id: "wrong", extends: ["nothing"] }, /wrong extends nothing/],
    ["half of its facts missing", { ...own, id: "wrong", extends: undefined }, /wrong is not complete/],
  ])("%s", (_what, content, message) => {
    writeFileSync(join(folder, "wrong.json"), JSON.stringify(content));
    expect(() => loadProfiles(folder)).toThrow(message);
  });

  it("text that is no JSON", () => {
    writeFileSync(join(folder, "wrong.json"), "{");
    expect(() => loadProfiles(folder)).toThrow(/wrong is not readable JSON/);
  });
});
