import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { loadProfiles } from "@sartor/firmware-profiles";
import { EXECUTION_PROVIDERS, VARIANT_NAMES } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { CHOICE_COLUMNS, readChoices, renderChoices, replaceChoices } from "./choices-table.js";

const ROOT = resolve(import.meta.dirname, "../../..");
const README = readFileSync(join(ROOT, "README.md"), "utf8");

describe("the table of choices in the README (npm run docs:choices)", () => {
  const [heading, ...rows] = readChoices(README);

  it("has its columns, and a line for every device profile there is, by id", () => {
    expect(heading).toEqual([...CHOICE_COLUMNS]);
    const devices = loadProfiles().filter(({ role }) => role === "device");
    expect(rows.map(([id]) => id)).toEqual(devices.map(({ id }) => id).sort());
  });

  it("names variants and providers that exist, an expected time, and a reason in a sentence", () => {
    for (const [id, variant, provider, threads, latency, reason] of rows) {
      expect(VARIANT_NAMES, id).toContain(variant);
      expect(EXECUTION_PROVIDERS, id).toContain(provider);
      expect(Number(threads), id).toBeGreaterThanOrEqual(1);
      expect(Number(latency), id).toBeGreaterThan(0);
      expect(reason, id).toMatch(/^[A-Z0-9].{10,}\.$/);
    }
  });

  it("shows eight profiles or more that get different things from one upload", () => {
    const choices = new Set(rows.map(([, variant, provider, threads]) => `${variant} ${provider} ${threads}`));
    expect(choices.size).toBeGreaterThanOrEqual(8);
  });
});

describe("the writer of the table", () => {
  const plan = (variant: string, reason: string) => ({
    summary: "No candidate.",
    unlocks: [{ executionProvider: "tensorrt" as const, adapter: "triton" as const, text: "More." }],
    candidates: [
      {
        rank: 1,
        variant: { name: variant, kind: "fp32" as const },
        executionProvider: "cpu" as const,
        adapter: "onnxruntime-node" as const,
        intraOpThreads: 4,
        sessionConfig: {},
        providerOptions: {},
        predicted: {
          basis: "estimated" as const,
          latencyMs: { low: 0.1, typical: 0.2, high: 0.4 },
          memoryBytes: 1,
          memoryBasis: "estimated" as const,
          devices: 0,
        },
        reasons: [reason],
        warnings: [],
      },
    ],
  });

  it("orders by profile, keeps what surrounds it, and reads back what it wrote", () => {
    const choices = [
      { profile: { id: "b" }, plan: plan("int8-u8s8", "int8 (U8S8) on the CPU: A reason with a | in it.") },
      { profile: { id: "a" }, plan: { summary: "Nothing fits.", candidates: [], unlocks: [] } },
    ];
    const page = replaceChoices(README, renderChoices(choices));
    expect(readChoices(page).slice(1)).toEqual([
      ["a", "none", "-", "-", "-", "Nothing fits.", "-"],
      ["b", "int8-u8s8", "cpu", "4", "0.20", "A reason with a \\| in it.", "tensorrt by triton"],
    ]);
    expect(replaceChoices(page, renderChoices([...choices].reverse()))).toBe(page);
    expect(page.slice(0, page.indexOf("<!-- choices"))).toBe(README.slice(0, README.indexOf("<!-- choices")));
  });

  it("refuses a page without the markers", () => {
    expect(() => replaceChoices("# A page\n", "")).toThrow(/markers/);
  });
});
