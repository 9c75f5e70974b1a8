import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical-json.js";

describe("canonical JSON", () => {
  it("sorts keys at every depth and writes no spaces", () => {
    expect(canonicalJson({ b: [{ d: 1, c: "x y" }], a: null, é: undefined })).toBe(
      '{"a":null,"b":[{"c":"x y","d":1}]}',
    );
  });

  it("does not depend on the order in which keys were set, and says the same as JSON", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string().filter((key) => !/^\d+$/.test(key)),
          fc.jsonValue(),
        ),
        (value) => {
          const reversed = Object.fromEntries(Object.entries(value).reverse());
          expect(canonicalJson(reversed)).toBe(canonicalJson(value));
          expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
        },
      ),
    );
  });
});
