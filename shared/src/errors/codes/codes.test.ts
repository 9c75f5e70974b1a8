import { describe, expect, it } from "vitest";
import { ERROR_AREAS, ERROR_CODES } from "./index.js";

describe("the tables of error codes", () => {
  it("name each code in one area only, so that it means one thing", () => {
    const named = ERROR_AREAS.flatMap(({ codes }) => Object.keys(codes));
    expect(named.filter((code, index) => named.indexOf(code) !== index)).toEqual([]);
    expect(Object.keys(ERROR_CODES)).toEqual(named);
  });

  it("have headings of their own", () => {
    const titles = ERROR_AREAS.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });
});
