import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type GroupScope, groupNameSchema, groupScopeSchema, intersectScopes, scopeIncludes } from "./groups.js";

const scopes: fc.Arbitrary<GroupScope> = fc.option(fc.uniqueArray(fc.constantFrom("a", "b", "c", "d")), { nil: null });

describe("scopes", () => {
  it("in common include what both include, and nothing else", () => {
    fc.assert(
      fc.property(scopes, scopes, fc.constantFrom("a", "b", "c", "d", "e"), (one, other, group) => {
        expect(scopeIncludes(intersectScopes(one, other), group)).toBe(
          scopeIncludes(one, group) && scopeIncludes(other, group),
        );
      }),
    );
  });

  it("name each group once, and at least one, or all", () => {
    expect(groupScopeSchema.safeParse(null).success).toBe(true);
    expect(groupScopeSchema.safeParse(["plant-1", "plant-2"]).success).toBe(true);
    for (const bad of [[], ["plant-1", "plant-1"], ["Plant"], Array.from({ length: 65 }, (_, index) => `g${index}`)]) {
      expect(groupScopeSchema.safeParse(bad).success).toBe(false);
    }
  });

  it.each(["", "-a", "a b", "ä", "a".repeat(64), "A"])("a group is not called %j", (name) => {
    expect(groupNameSchema.safeParse(name).success).toBe(false);
  });
});
