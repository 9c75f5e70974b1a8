import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../..");

/** The words of the house; a new one is added here and there. */
const WORDS = [
  "Device",
  "DeviceType",
  "firmware profile",
  "Inventory",
  "DeviceGroup",
  "Model",
  "ModelVersion",
  "ModelVariant",
  "ExecutionProvider",
  "InferenceSession",
  "dataset",
  "variant build",
  "variant card",
  "TailoringPlan",
  "candidate",
  "policy",
  "tuning",
  "incumbent",
  "rung",
  "Bundle",
  "BundleManifest",
  "Rollout",
  "Wave",
  "DeviceDeployment",
  "desired",
  "reported",
  "Slot",
  "active",
  "inactive",
  "Probe",
  "commit",
  "rollback",
  "TelemetryWindow",
  "DriftReport",
  "RetuningJob",
  "golden vector",
  "emulated device",
  "generation",
];

describe("the documentation", () => {
  const pages = [
    "",
    "docs",
    "docs/decisions",
    "agent",
    "control-plane",
    "firmware-profiles",
    "workloads/road-sign",
    "test",
  ]
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder))
        .filter((name) => name.endsWith(".md"))
        .map((name) => join(folder, name)),
    );

  it.each(pages)("has no link in %s that leads nowhere", (page) => {
    const text = readFileSync(join(ROOT, page), "utf8");
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "");
    const relative = links.filter((link) => !/^[a-z]+:|^#/.test(link)).map((link) => link.replace(/#.*$/, ""));
    const broken = relative.filter((link) => !existsSync(resolve(ROOT, page, "..", link)));
    expect(broken).toEqual([]);
  });

  it("explains every word that the code is named with in docs/glossary.md", () => {
    const glossary = readFileSync(join(ROOT, "docs/glossary.md"), "utf8");
    const missing = WORDS.filter((word) => !new RegExp(`^\\| [^|]*\\*\\*${word}\\*\\*`, "m").test(glossary));
    expect(missing).toEqual([]);
  });
});
