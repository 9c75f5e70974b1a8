import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../..");
const namesIn = (path: string) =>
  [...new Set(readFileSync(resolve(ROOT, path), "utf8").match(/\bSARTOR_[A-Z_]+\b/g))].sort();

describe("the page of settings", () => {
  it("lists every setting of the control plane, and no other", () => {
    const known = namesIn("control-plane/src/config/settings.ts");
    const listed = namesIn("docs/control-plane.md").filter((name) => !name.endsWith("_FILE"));
    expect(known.length).toBeGreaterThan(15);
    expect(listed).toEqual(known.filter((name) => !name.endsWith("_FILE")));
  });
});
