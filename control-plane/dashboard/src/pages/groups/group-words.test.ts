import type { DeviceSummary } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { groupsOf, parseGroups, scopeWords } from "./group-words.js";

const device = (deviceId: string, group: string) => ({ deviceId, group }) as DeviceSummary;

describe("groups on the page", () => {
  it("are counted and by name", () => {
    expect(groupsOf([device("a", "plant-2"), device("b", "default"), device("c", "plant-2")])).toEqual([
      { group: "default", devices: 1 },
      { group: "plant-2", devices: 2 },
    ]);
  });

  it("are read as people type them; nothing means all", () => {
    expect(parseGroups(" plant-1, plant-2 plant-1;")).toEqual(["plant-1", "plant-2"]);
    expect(parseGroups(" , ")).toBeNull();
  });

  it("are told in words", () => {
    expect([null, [], ["plant-1", "plant-2"]].map(scopeWords)).toEqual(["all groups", "no group", "plant-1, plant-2"]);
  });
});
