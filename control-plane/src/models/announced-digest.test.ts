import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { announcedDigest } from "./announced-digest.js";

const hash = createHash("sha256").update("content").digest();
const DIGEST = `sha256:${hash.toString("hex")}`;
const STANDARD = `sha-256=:${hash.toString("base64")}:`;

describe("the digest that an uploader announces", () => {
  it("is read from either header", () => {
    expect(announcedDigest({})).toBeUndefined();
    expect(announcedDigest({ "x-sartor-digest": DIGEST })).toBe(DIGEST);
    expect(announcedDigest({ "content-digest": `sha-512=:AAAA:, ${STANDARD}` })).toBe(DIGEST);
    expect(announcedDigest({ "content-digest": "sha-512=:AAAA:" })).toBeUndefined();
    expect(announcedDigest({ "x-sartor-digest": DIGEST, "content-digest": STANDARD })).toBe(DIGEST);
  });

  it.each([
    { "x-sartor-digest": "md5:123" },
    { "content-digest": "sha-256=:AAAA:" },
    { "x-sartor-digest": `sha256:${"0".repeat(64)}`, "content-digest": STANDARD },
  ])("is refused when it makes no sense: %o", (headers) => {
    expect(() => announcedDigest(headers)).toThrow(expect.objectContaining({ code: "SRT_INVALID_REQUEST" }));
  });
});
