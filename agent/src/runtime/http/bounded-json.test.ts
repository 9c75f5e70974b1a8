import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBoundedJson } from "./bounded-json.js";

const parse = (text: string, depth = 64, containers = 10_000) =>
  parseBoundedJson(new TextEncoder().encode(text), { depth, containers });

describe("JSON from outside", () => {
  it("is read as JSON.parse reads it", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("may hold any brackets in its texts", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("[", "{", '"', "\\", "]", "a")), (pieces) => {
        const text = pieces.join("");
        expect(parse(JSON.stringify([text]), 1, 1)).toEqual([text]);
      }),
    );
  });

  it("is refused one level past the depth and one list past the count", () => {
    expect(parse("[[[]]]", 3)).toEqual([[[]]]);
    expect(() => parse("[[[]]]", 2)).toThrow(/deeper than 2/);
    expect(parse("[{},{}]", 3, 3)).toEqual([{}, {}]);
    expect(() => parse("[{},{}]", 3, 2)).toThrow(/more than 2/);
  });

  it.each(["", "{", "nul", '"', '"\\', "[1,]", "\xff"])("is refused when it is %j", (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: "SRT_INVALID_REQUEST" }));
  });

  it("is refused when its bytes are no UTF-8", () => {
    expect(() => parseBoundedJson(Uint8Array.of(0x22, 0xff, 0x22), { depth: 1, containers: 1 })).toThrow(/not JSON/);
  });
});
