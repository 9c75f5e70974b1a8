import { describe, expect, it } from "vitest";
import { counted, megabytes, milliseconds, number, percent, points } from "./wording.js";

describe("numbers in sentences", () => {
  it.each([
    [0.19134, "0.191"],
    [12.345, "12.3"],
    [480.2, "480"],
    [1000, "1000"],
    [2, "2"],
    [0.2, "0.2"],
    [0.00001234, "0.000012"],
    [0, "0"],
  ])("%d reads %s", (value, text) => {
    expect(number(value)).toBe(text);
  });

  it("come with their units", () => {
    expect([
      milliseconds(1.5),
      megabytes(1024 * 1024),
      percent(0.99114),
      points(0.0002),
      counted(1, "device"),
      counted(2, "thread"),
    ]).toEqual(["1.5 ms", "1 MiB", "99.11 %", "0.02 points", "1 device", "2 threads"]);
  });
});
