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

  it("an item that cannot be written fails alone: the others of its batch are written once, in order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 20 }),
        async (goodness, maximumItems) => {
          const committed: number[] = [];
          const writer = new BatchWriter<{ index: number; good: boolean }, number>(
            { maximumItems, maximumWaitMs: 0 },
            async (batch) => {
              await new Promise((resolve) => setImmediate(resolve));
              if (batch.some(({ good }) => !good)) throw new Error("invalid byte sequence for encoding");
              committed.push(...batch.map(({ index }) => index));
              return batch.map(({ index }) => index);
            },
          );
          const outcomes = await Promise.allSettled(goodness.map((good, index) => writer.add({ index, good })));
          expect(outcomes.map(({ status }) => status === "fulfilled")).toEqual(goodness);
          expect(committed).toEqual(goodness.flatMap((good, index) => (good ? [index] : [])));
          expect(writer.size).toBe(0);
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    Object.assign(new Error("database or disk is full"), { code: "SQLITE_FULL" }),
    Object.assign(new Error("terminating connection due to administrator command"), { code: "57P01" }),
    Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
    new Error("Connection terminated unexpectedly"),
  ])(
    "when the database is away (%s), a batch is tried once and no item waits for a thousand attempts",
    async (away) => {
      let attempts = 0;
      const writer = new BatchWriter<number>({ maximumItems: 1_000, maximumWaitMs: 0 }, async () => {
        attempts += 1;
        throw away;
      });
      const outcomes = await Promise.allSettled(Array.from({ length: 1_000 }, (_, item) => writer.add(item)));
      expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
      expect(attempts).toBe(1);
    },
  );
});
