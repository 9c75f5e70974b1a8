import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BatchWriter } from "./batch-writer.js";

describe("write-behind", () => {
  it("writes every item once, in order, in batches that are never too large, and answers each after its batch", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 7 }),
        fc.array(fc.record({ pause: fc.boolean(), value: fc.nat() }), { maxLength: 60 }),
        async (maximumItems, items) => {
          const batches: number[][] = [];
          const committed = new Set<number>();
          const writer = new BatchWriter<{ index: number; value: number }, number>(
            { maximumItems, maximumWaitMs: 0 },
            async (batch) => {
              batches.push(batch.map(({ index }) => index));
              await new Promise((resolve) => setImmediate(resolve));
              for (const { index } of batch) committed.add(index);
              return batch.map(({ value }) => value);
            },
          );
          const answers: Promise<void>[] = [];
          for (const [index, { pause, value }] of items.entries()) {
            answers.push(
              writer.add({ index, value }).then((answer) => {
                expect(answer).toBe(value);
                expect(committed.has(index)).toBe(true);
              }),
            );
            if (pause) await new Promise((resolve) => setImmediate(resolve));
          }
          await writer.flush();
          expect(committed.size).toBe(items.length);
          await Promise.all(answers);
          expect(batches.flat()).toEqual(items.map((_, index) => index));
          expect(Math.max(0, ...batches.map((batch) => batch.length))).toBeLessThanOrEqual(maximumItems);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("a batch that cannot be written fails its own items and no others", async () => {
    const writer = new BatchWriter<number>({ maximumItems: 2, maximumWaitMs: 0 }, async (batch) => {
      if (batch.includes(3)) throw new Error("disk full");
      return undefined;
    });
    const outcomes = await Promise.allSettled([1, 2, 3, 4, 5].map((item) => writer.add(item)));
    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      "fulfilled",
      "fulfilled",
      "rejected",
      "rejected",
      "fulfilled",
    ]);
    expect(writer.size).toBe(0);
  });
});
