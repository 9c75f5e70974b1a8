import type { AuthorityStatus } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { remarksOn } from "./ca.js";

const DAY = 86_400_000;
const facts = (notAfter: number) => ({ subject: "CN=x", fingerprint: "a".repeat(64), notBefore: 0, notAfter });
const status = (rootEnds: number, intermediateEnds: number, keyIsHere: boolean): AuthorityStatus => ({
  root: { ...facts(rootEnds), certificate: "-----BEGIN CERTIFICATE-----\n", pin: "p".repeat(43), keyIsHere },
  intermediate: facts(intermediateEnds),
});

describe("the state of the authority", () => {
  it("is nothing to speak of when the root's key is elsewhere and nothing ends soon", () => {
    expect(remarksOn(status(9_000 * DAY, 3_000 * DAY, false), 0)).toEqual([]);
  });

  it("says that the root's key is where it should not be", () => {
    expect(remarksOn(status(9_000 * DAY, 3_000 * DAY, true), 0)).toEqual([expect.stringContaining("root-key.pem")]);
  });

  it("says more than a year before what ends", () => {
    expect(remarksOn(status(9_000 * DAY, 399 * DAY, false), 0)).toEqual([
      expect.stringContaining("intermediate ends in 399 days"),
    ]);
    expect(remarksOn(status(10 * DAY, 10 * DAY, false), 0)).toHaveLength(2);
  });
});
