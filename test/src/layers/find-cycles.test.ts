import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findCycles } from "./find-cycles.js";

const graph = fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 24 }).map((edges) => {
  const successors = new Map<string, string[]>(Array.from({ length: 8 }, (_, node) => [String(node), []]));
  for (const [from, to] of edges) successors.get(String(from))?.push(String(to));
  return successors;
});

/** Whether `to` can be reached from `from` by one edge or more, the slow and plain way. */
function reaches(successors: ReadonlyMap<string, readonly string[]>, from: string, to: string): boolean {
  const seen = new Set<string>();
  const work = [...(successors.get(from) ?? [])];
  for (let node = work.pop(); node !== undefined; node = work.pop()) {
    if (node === to) return true;
    if (seen.has(node)) continue;
    seen.add(node);
    work.push(...(successors.get(node) ?? []));
  }
  return false;
}

describe("cycles between files", () => {
  it("are found exactly where files reach themselves, and never twice", () => {
    fc.assert(
      fc.property(graph, (successors) => {
        const members = findCycles(successors).flat();
        const expected = [...successors.keys()].filter((node) => reaches(successors, node, node));
        expect([...members].sort()).toEqual(expected.sort());
      }),
      { numRuns: 300 },
    );
  });

  it("are searched without exhausting the stack on a long chain", () => {
    const chain = new Map(Array.from({ length: 50_000 }, (_, node) => [String(node), [String(node + 1)]]));
    expect(findCycles(chain)).toEqual([]);
  });
});
