import { Logger } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { Digest } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeltaHouse, FAMILIES, hanging, VERSIONS } from "./testing/delta-house.js";

Logger.overrideLogger(false);

/** Room for some three differences. */
const STORE_BYTES = 1_000;

const pair = fc.record({ family: fc.nat(FAMILIES - 1), from: fc.nat(VERSIONS - 1), to: fc.nat(VERSIONS - 1) });
const step = fc.oneof(
  { weight: 6, arbitrary: pair.map((of) => ({ kind: "ask" as const, ...of })) },
  { weight: 2, arbitrary: fc.constant({ kind: "settle" as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: "kill" as const }, { kind: "stop" as const }) },
  { weight: 1, arbitrary: fc.nat(3).map((times) => ({ kind: "crash" as const, times })) },
  { weight: 1, arbitrary: fc.nat(9).map((index) => ({ kind: "lose" as const, index })) },
  { weight: 1, arbitrary: fc.nat(9).map((index) => ({ kind: "keep" as const, index })) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("remove" as const),
      family: fc.nat(FAMILIES - 1),
      version: fc.nat(VERSIONS - 1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("sweep" as const), days: fc.nat(2) }) },
);

/** What must hold whenever nothing is being made. */
async function check(house: DeltaHouse, elsewhere: ReadonlySet<Digest>): Promise<void> {
  const rows = await house.allRows();
  expect(rows.filter(({ state }) => state === "making")).toEqual([]);
  expect(rows.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)).toBeLessThanOrEqual(STORE_BYTES);
  expect(house.worker.mostAtOnce).toBeLessThanOrEqual(1);
  const needed = new Set<string>([...elsewhere, ...[...house.files.values()].map(({ digest }) => digest)]);
  for (const digest of needed) expect(await house.version.store.size(digest)).toBeDefined();
}

describe("the making and keeping of differences", () => {
  it("never takes more than it may, never removes what is needed elsewhere, and comes to rest, whatever happens", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const house = await DeltaHouse.open(STORE_BYTES);
        const elsewhere = new Set<Digest>();
        const contentAt = async (index: number) => {
          const digests = (await house.allRows()).flatMap(({ digest }) => (digest === null ? [] : [digest])).sort();
          return digests[index % Math.max(1, digests.length)];
        };
        try {
          for (const each of steps) {
            if (each.kind === "ask" && each.from !== each.to) {
              house.ask(house.pair(each.family, each.from, each.to), `device ${each.to}`);
            } else if (each.kind === "crash") {
              let { times } = each;
              house.worker.before = async () => {
                if (times-- > 0) throw new SartorError("SRT_INTERNAL", "killed");
              };
            } else if (each.kind === "kill") {
              const { before, reached } = hanging();
              house.worker.before = before;
              // In the middle of one, or of none.
              if (house.ask(house.pair(0, 0, 1)) !== "full") await Promise.race([reached, house.making.idle()]);
              await house.start();
            } else if (each.kind === "stop") {
              await house.making.onModuleDestroy();
              await house.kept.onModuleDestroy();
              await house.start();
            } else {
              await house.making.idle();
              if (each.kind === "remove") await house.removeFile(`${each.family}.${each.version}`);
              if (each.kind === "sweep") {
                house.version.clock.at += each.days * 24 * 3_600_000;
                await house.kept.sweep();
                await house.version.blobs.collect();
                const files = new Set([...house.files.values()].map(({ digest }) => digest));
                for (const row of await house.allRows()) {
                  expect([row.target, ...row.bases.split(" ")].every((digest) => files.has(digest))).toBe(true);
                }
              }
              const digest = each.kind === "lose" || each.kind === "keep" ? await contentAt(each.index) : undefined;
              if (digest !== undefined && each.kind === "keep") {
                await house.keepElsewhere(digest);
                elsewhere.add(digest);
              }
              if (digest !== undefined && each.kind === "lose" && !elsewhere.has(digest)) {
                await house.version.store.delete(digest);
              }
              await check(house, elsewhere);
            }
          }
          await house.making.idle();
          await check(house, elsewhere);
          // What is asked for at the end is there at the end, as far as its files are.
          const last = house.pair(1, 0, 1);
          house.worker.before = async () => undefined;
          if (house.files.has("1.0") && house.files.has("1.1") && (await house.stateOf(last)) !== "could_not_be_made") {
            house.ask(last);
            await house.making.idle();
            const { digest = "", bytes } = (await house.find(last))?.content ?? {};
            expect(bytes).toBeGreaterThan(0);
            expect(await house.version.store.size(digest)).toBe(bytes);
          }
        } finally {
          await house.making.idle();
          await house.close();
        }
      }),
      { numRuns: 10 },
    );
  }, 120_000);
});
