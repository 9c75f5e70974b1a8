import { describe, expect, it } from "vitest";
import { changeFamilies, changeRoot } from "./change-keys.js";
import { describeRequest } from "./describe-request.js";
import {
  buildRoot,
  buildTopTargets,
  keyIdOf,
  type RootPlan,
  readFamilies,
  readMetadata,
  readRoot,
  toBase64,
} from "./tuf.js";

const key = (digit: string) => ({ keyId: keyIdOf(digit.repeat(64)), public: digit.repeat(64) });
const [a, b, c, d] = [key("a"), key("b"), key("c"), key("d")];
const alone = { threshold: 1, keys: [key("0")] };
const plan: RootPlan = {
  root: { threshold: 2, keys: [a, b, c] },
  targets: { threshold: 2, keys: [a, b] },
  snapshot: alone,
  timestamp: alone,
};
const NOW = Date.parse("2026-06-01T00:00:00.123Z");

describe("a change of keys", () => {
  it("replaces a key wherever people sign with it", () => {
    const next = changeRoot(plan, { kind: "replace", keyId: a.keyId, by: d });
    expect(next.root).toEqual({ threshold: 2, keys: [b, c, d] });
    expect(next.targets).toEqual({ threshold: 2, keys: [b, d] });
  });

  it("takes no key away that is needed", () => {
    const justRoot = { ...plan, targets: alone };
    expect(changeRoot(justRoot, { kind: "revoke", keyId: a.keyId }).root.keys).toEqual([b, c]);
    expect(() => changeRoot(plan, { kind: "revoke", keyId: a.keyId })).toThrow(
      /targets would have 1 keys, but needs 2/,
    );
    const families = new Map([["signs", { threshold: 1, keys: [a] }]]);
    expect(() => changeFamilies(families, { kind: "revoke", keyId: a.keyId })).toThrow(
      expect.objectContaining({ code: "SRT_CONFLICT" }),
    );
  });

  it("adds a family once", () => {
    const change = { kind: "family", family: "signs", key: a } as const;
    const once = changeFamilies(new Map(), change);
    expect(changeFamilies(once, change)).toEqual(once);
    expect(() => buildTopTargets(new Map([["snapshot", alone]]), 1, NOW)).toThrow(/TUF keeps that name/);
  });

  it("survives being written and read, with times that every client reads", () => {
    const root = readMetadata("root", toBase64(buildRoot(plan, 7, NOW)));
    expect(readRoot(root)).toEqual(plan);
    expect([root.signed.version, root.signed.expires]).toEqual([7, "2027-06-01T00:00:00Z"]);
    const families = new Map([["signs", { threshold: 1, keys: [a] }]]);
    expect(readFamilies(readMetadata("targets", toBase64(buildTopTargets(families, 1, NOW))))).toEqual(families);
  });
});

describe("what is to be signed, in words", () => {
  it("names each key that comes and goes", () => {
    const next = changeRoot(plan, { kind: "replace", keyId: a.keyId, by: d });
    const lines = describeRequest({
      repository: "image",
      role: "root",
      metadata: toBase64(buildRoot({ ...next, root: { ...next.root, threshold: 1 } }, 2, NOW)),
      published: toBase64(buildRoot(plan, 1, NOW)),
    });
    expect(lines[0]).toBe(
      "The root of the image repository: version 2 (now 1, until 2027-06-01T00:00:00Z), holds until 2027-06-01T00:00:00Z.",
    );
    expect(lines).toContain(`  + key ${d.keyId.slice(0, 12)} may sign root`);
    expect(lines).toContain(`  - key ${a.keyId.slice(0, 12)} may not sign root any more`);
    // A threshold that falls is what a thief would ask for.
    expect(lines).toContain("    root needs 1 of 3 keys");
  });

  it("names each bundle, and warns of what is none", () => {
    const custom = {
      schemaVersion: 1,
      bundleId: `sha256:${"1".repeat(64)}`,
      model: "signs",
      version: "1.0.0",
      variant: { name: "fp32", kind: "fp32" },
      hardware: ["linux-x64"],
      releaseCounter: 1,
      totalBytes: 7,
    };
    const target = (said: unknown) => ({
      length: 1,
      hashes: { sha256: "1".repeat(64) },
      ...(said === undefined ? {} : { custom: said }),
    });
    const text = (targets: object, version: number) =>
      Buffer.from(
        JSON.stringify({
          signed: { _type: "targets", spec_version: "1.0.31", version, expires: "2026-09-01T00:00:00Z", targets },
          signatures: [],
        }),
      ).toString("base64");
    const lines = describeRequest({
      repository: "image",
      role: "signs",
      metadata: text({ "signs/1": target({ ...custom, releaseCounter: 3 }), "signs/2": target(undefined) }, 2),
      published: text({ "signs/1": target(custom), "signs/3": target(custom) }, 1),
    });
    expect(lines[1]).toBe(
      `  ~ signs 1.0.0 fp32 for linux-x64, release 1 becomes 3 (devices with a newer version go back to it), 7 bytes, ${custom.bundleId}`,
    );
    expect(lines[2]).toContain("NOT A BUNDLE");
    expect(lines[3]).toBe("  - signs/3 is no longer to be installed");
  });
});
