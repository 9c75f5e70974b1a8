import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../..");
const namesIn = (path: string) =>
  [...new Set(readFileSync(resolve(ROOT, path), "utf8").match(/\bSARTOR_[A-Z_]+\b/g))].sort();

/** Settings stand with what they set; these pages have tables of them. */
const PAGES = ["docs/control-plane.md", "docs/identity.md", "docs/people.md", "docs/trust.md"];
/** Read by the command or by the agent, not by the server. */
const OF_OTHERS = ["SARTOR_PASSWORD", "SARTOR_KEY_PASSPHRASE", "SARTOR_CA_FINGERPRINT"];

describe("the pages of settings", () => {
  it("list every setting of the control plane, and no other", () => {
    const counted = (name: string) => !name.endsWith("_FILE") && !OF_OTHERS.includes(name);
    const known = namesIn("control-plane/src/config/settings.ts").concat(
      namesIn("control-plane/src/config/oidc-settings.ts"),
    );
    const listed = PAGES.flatMap(namesIn).filter(counted);
    expect(known.length).toBeGreaterThan(15);
    expect([...new Set(listed)].sort()).toEqual([...new Set(known.filter(counted))].sort());
  });
});
