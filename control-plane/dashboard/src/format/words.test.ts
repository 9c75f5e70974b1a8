import { describe, expect, it } from "vitest";
import { plural, shortDigest, toneOf, words } from "./words.js";

describe("words an operator reads", () => {
  it("hide the underscores of statuses and keep the words", () => {
    expect(words("in_progress")).toBe("in progress");
    expect(words("rolling_back")).toBe("rolling back");
  });

  it("give failures the tone of a failure and unknown statuses none", () => {
    for (const status of ["failed", "timed_out", "rejected", "failing", "offline"]) expect(toneOf(status)).toBe("bad");
    expect(toneOf("a_status_of_next_year")).toBe("idle");
  });

  it("shorten digests and count things", () => {
    expect(shortDigest(`sha256:${"ab".repeat(32)}`)).toBe("abababababab");
    expect(plural(1, "device", "devices")).toBe("1 device");
    expect(plural(0, "device", "devices")).toBe("0 devices");
  });
});
