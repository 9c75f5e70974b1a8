import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Generations } from "./generations.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sartor-generations-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("generations of a state", () => {
  it("are counted on from the newest, whatever else lies among them", () => {
    const generations = new Generations({ folder, prefix: "generation-" });
    expect([generations.numbers(), generations.next()]).toEqual([[], 1]);
    for (const name of ["generation-9", "generation-10", "generation-x", "11", "generation-12.tmp"])
      mkdirSync(join(folder, name));
    expect([generations.numbers(), generations.next()]).toEqual([[10, 9], 11]);
    expect(generations.path(10)).toBe(join(folder, "generation-10"));
  });

  it("are none while their folder is missing", () => {
    const generations = new Generations({ folder: join(folder, "not yet") });
    expect([generations.numbers(), generations.next(), generations.linked("current")]).toEqual([[], 1, undefined]);
    generations.keep([]);
  });

  it("are named by links that go from one to another at once, after a kill in between too", () => {
    const generations = new Generations({ folder: join(folder, "generations"), links: folder });
    for (const number of [1, 2]) mkdirSync(generations.path(number), { recursive: true });
    generations.link("current", 1);
    expect(readlinkSync(join(folder, "current"))).toBe(join("generations", "1"));
    symlinkSync("left by a kill", join(folder, "current.tmp"));
    generations.link("current", 2);
    expect(generations.linked("current")).toBe(2);
    expect(readdirSync(folder).sort()).toEqual(["current", "generations"]);
  });

  it("are none where a link names something else, or is no link", () => {
    const generations = new Generations({ folder });
    symlinkSync("elsewhere", join(folder, "next"));
    writeFileSync(join(folder, "current"), "");
    expect([generations.linked("next"), generations.linked("current")]).toEqual([undefined, undefined]);
  });

  it("go when nobody keeps them, and nothing else does", () => {
    const generations = new Generations({ folder });
    for (const name of ["1", "2", "3", "work"]) mkdirSync(join(folder, name));
    generations.keep([2, undefined]);
    expect(readdirSync(folder).sort()).toEqual(["2", "work"]);
  });
});
