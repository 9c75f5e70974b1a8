import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesText, durationText, points, runsAs, shortNumber, wrapText } from "./format.js";

describe("numbers for people", () => {
  it.each([
    [0, "0"],
    [0.1914, "0.191"],
    [12.345, "12.3"],
    [480.4, "480"],
    [38_600_000, "38600000"],
  ])("tell %d as %s", (value, text) => {
    expect(shortNumber(value)).toBe(text);
  });

  it("have units that fit", () => {
    expect([512, 2048, 2_660_296].map(bytesText)).toEqual(["512 B", "2.00 KiB", "2.54 MiB"]);
    expect([400, 59_400, 200_000].map(durationText)).toEqual(["0 s", "59 s", "3 min 20 s"]);
    expect([-0.002, 0, 0.01].map(points)).toEqual(["-0.20 points", "+0.00 points", "+1.00 points"]);
  });
});

describe("how a variant runs", () => {
  it("is told with the options that set one way apart from another", () => {
    const way = { variant: "int8-u8s8", executionProvider: "cpu", intraOpThreads: 2 };
    expect(runsAs(way)).toBe("int8-u8s8 on cpu, 2 threads");
    expect(runsAs({ ...way, intraOpThreads: 1, sessionConfig: { "session.intra_op.allow_spinning": "1" } })).toBe(
      "int8-u8s8 on cpu, 1 thread, intra_op.allow_spinning=1",
    );
  });
});

describe("wrapped text", () => {
  it("keeps every word, indents every line, and is too wide only where one word is", () => {
    const word = fc.string({ minLength: 1, maxLength: 40, unit: fc.constantFrom(..."abcdefg") });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 40 }), fc.integer({ min: 0, max: 8 }), (words, indent) => {
        const lines = wrapText(words.join(" "), " ".repeat(indent), 60).split("\n");
        expect(lines.map((line) => line.slice(indent)).join(" ")).toBe(words.join(" "));
        for (const line of lines) {
          expect(line.startsWith(" ".repeat(indent))).toBe(true);
          if (line.trim().includes(" ")) expect(line.length).toBeLessThanOrEqual(60);
        }
      }),
    );
  });
});
