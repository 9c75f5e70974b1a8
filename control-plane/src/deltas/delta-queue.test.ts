import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeltaQueue } from "./delta-queue.js";

const LIMITS = { waiting: 6, ofOne: 3 };
const item = (name: number) => ({ deltaId: String(name), bytes: name + 1 });

/** What the queue is compared with: plain lists. */
class Model {
  waiting: { name: number; by: string }[] = [];
  current: number | undefined;
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("add" as const), name: fc.nat(9), by: fc.constantFrom("a", "b", "c") }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("take" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("end" as const) }) },
);

describe("what waits to be made", () => {
  it("is made once each, in the order of asking, one at a time, and never more waits than may", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new DeltaQueue(LIMITS);
        const model = new Model();
        for (const each of steps) {
          if (each.kind === "add") {
            const { name, by } = each;
            const place = queue.add(item(name), by);
            const known = model.current === name || model.waiting.some((entry) => entry.name === name);
            const own = model.waiting.filter((entry) => entry.by === by).length;
            const room = model.waiting.length < LIMITS.waiting && own < LIMITS.ofOne;
            if (!known && room) model.waiting.push({ name, by });
            expect(place.kind).toBe(!known && !room ? "full" : model.current === name ? "making" : "waiting");
          } else if (each.kind === "take") {
            const next = model.current === undefined ? model.waiting.shift()?.name : undefined;
            expect(queue.take()?.deltaId).toBe(next === undefined ? undefined : String(next));
            model.current ??= next;
          } else {
            queue.end();
            model.current = undefined;
          }
          expect(queue.length).toBe(model.waiting.length);
          let ahead = model.current === undefined ? 0 : model.current + 1;
          for (const { name } of model.waiting) {
            ahead += name + 1;
            expect(queue.place(String(name))).toEqual({ kind: "waiting", aheadBytes: ahead });
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("leaves room for others, however much one asks for", () => {
    const queue = new DeltaQueue(LIMITS);
    const answers = [0, 1, 2, 3, 4, 5].map((name) => queue.add(item(name), "greedy").kind);
    expect(answers).toEqual(["waiting", "waiting", "waiting", "full", "full", "full"]);
    expect(queue.add(item(7), "another").kind).toBe("waiting");
  });
});
