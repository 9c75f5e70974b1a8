import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SartorError } from "../../errors/index.js";
import { BitEncoder } from "./bit-coder.js";
import { DELTA_LIMITS, type Operation, pushVarint, writeHeader } from "./delta-format.js";
import { OperationCoder } from "./operation-coder.js";
import { applied, appliedTo, deltaOf, nameOf, sourceOf } from "./testing/files.js";
import { nodeDeltaTools } from "./testing/node-delta-tools.js";

const old = Uint8Array.from({ length: 6000 }, (_, index) => (index * 7 + (index >> 5)) & 255);
const now = old.map((byte, index) => (index % 50 === 0 ? byte + 1 : index > 5500 ? (index * index) & 255 : byte));
const layout = [
  { offset: 0, length: 2000, element: "float32" as const, name: "a" },
  { offset: 2000, length: 3000, element: "int8" as const, name: "b" },
  { offset: 5000, length: 1000, element: "bytes" as const, name: "c" },
];
const made = deltaOf({ source: sourceOf(now), layout }, [{ source: sourceOf(old), layout }]);
const expected = nameOf(now);

/** Either the right content, or the one refusal; anything else fails. */
async function rightOrRefused(work: Promise<Uint8Array>): Promise<"right" | "refused"> {
  try {
    expect(await work).toEqual(now);
    return "right";
  } catch (thrown) {
    if (thrown instanceof SartorError && thrown.code === "SRT_DELTA_INVALID") return "refused";
    throw thrown;
  }
}

/** A difference of one piece whose operations somebody wrote who means harm. */
function forged(
  target: Uint8Array,
  length: number,
  write: (coder: OperationCoder) => void,
  blob: Uint8Array = new Uint8Array(0),
) {
  const encoder = new BitEncoder();
  write(new OperationCoder(encoder));
  const { coded, raw } = encoder.finish();
  const head: number[] = [...nodeDeltaTools.digest(target.subarray(0, length))];
  for (const value of [length, coded.length, raw.length, blob.length]) pushVarint(head, value);
  const header = writeHeader({ target: nameOf(target), bases: [nameOf(old)] });
  return new Uint8Array(Buffer.concat([header, Uint8Array.from(head), coded, raw, blob]));
}

const refusal = { code: "SRT_DELTA_INVALID" };

describe("a hostile difference", () => {
  it("never gives wrong content when its bytes were changed, and is refused with SRT_DELTA_INVALID", async () => {
    const delta = await made;
    const edit = fc.record({ at: fc.nat(delta.length - 1), value: fc.integer({ min: 1, max: 255 }) });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        const damaged = delta.slice();
        for (const { at, value } of edits) damaged[at] = (damaged[at] as number) ^ value;
        if ((await rightOrRefused(applied(damaged, [old], expected))) === "refused") refused++;
      }),
      { numRuns: 400 },
    );
    expect(refused).toBeGreaterThan(300);
  });

  it("is refused wherever it is cut off, and when it goes on after its end", async () => {
    const delta = await made;
    for (let length = 0; length < delta.length; length++) {
      await expect(applied(delta.subarray(0, length), [old], expected)).rejects.toMatchObject(refusal);
    }
    await expect(applied([delta, Uint8Array.of(0)], [old], expected)).rejects.toMatchObject(refusal);
  });

  it("never gives wrong content on a base that is damaged, short or missing", async () => {
    const delta = await made;
    await fc.assert(
      fc.asyncProperty(fc.nat(old.length - 1), fc.integer({ min: 1, max: 255 }), async (at, value) => {
        const damaged = old.slice();
        damaged[at] = (damaged[at] as number) ^ value;
        await rightOrRefused(appliedTo(delta, new Map([[nameOf(old).digest, damaged]]), expected));
      }),
      { numRuns: 200 },
    );
    const short = new Map([[nameOf(old).digest, old.subarray(0, 100)]]);
    await expect(appliedTo(delta, short, expected)).rejects.toMatchObject(refusal);
    await expect(applied(delta, [], expected)).rejects.toMatchObject(refusal);
  });

  it("is refused when noise stands behind a sound header", async () => {
    const header = writeHeader({ target: expected, bases: [nameOf(old)] });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (noise) => {
        await expect(applied([header, noise], [old], expected)).rejects.toMatchObject(refusal);
      }),
      { numRuns: 300 },
    );
  });

  it("is refused when it is of another target than the signed manifest's, though it is sound", async () => {
    const delta = await made;
    await expect(applied(delta, [old], nameOf(old))).rejects.toMatchObject(refusal);
    await expect(applied(delta, [old], { ...expected, length: expected.length + 1 })).rejects.toMatchObject(refusal);
  });

  it("is refused when each piece has its digest but the whole is not what was signed", async () => {
    const sound = forged(now, now.length, (coder) => {
      coder.operation("copy");
      coder.length(now.length);
      coder.range(0, { base: 0, offset: 0 });
    });
    // The piece's digest made to fit what it builds, which is the old content.
    const at = writeHeader({ target: expected, bases: [nameOf(old)] }).length;
    sound.set(nodeDeltaTools.digest(old), at);
    await expect(applied(sound, [old], expected)).rejects.toMatchObject(refusal);
  });

  it("cannot unpack more than the piece's length: a zstd bomb of 64 MB is refused", async () => {
    const bomb = nodeDeltaTools.compress(new Uint8Array(64 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(10_000);
    const delta = forged(
      now,
      1000,
      (coder) => {
        coder.operation("zstd");
        coder.length(1000);
        coder.blobLength(bomb.length);
      },
      bomb,
    );
    await expect(applied(delta, [old], expected)).rejects.toThrow(/cannot be unpacked/);
  });

  it("cannot make a device take memory: pieces, streams and numbers beyond the limits are refused before they are read", async () => {
    const target = { digest: expected.digest, length: 2 ** 40 };
    const header = writeHeader({ target, bases: [] });
    const claims: number[][] = [
      [DELTA_LIMITS.pieceBytes + 1, 0, 0, 0],
      [1, DELTA_LIMITS.streamBytes + 1, 0, 0],
      [1, DELTA_LIMITS.streamBytes, 1, 0],
      [1, 2 ** 52, 0, 0],
      [0, 0, 0, 0],
    ];
    for (const claim of claims) {
      const head: number[] = new Array(32).fill(0);
      for (const value of claim) pushVarint(head, value);
      await expect(applied([header, Uint8Array.from(head)], [], target)).rejects.toThrow(/limit|empty/);
    }
    const many = [...writeHeader({ target: expected, bases: [] }).subarray(0, -1)];
    pushVarint(many, DELTA_LIMITS.bases + 1);
    await expect(applied(Uint8Array.from(many), [], expected)).rejects.toThrow(/number of bases/);
  });

  it("cannot read outside of a base, write outside of a piece, or go on for ever", async () => {
    const operation = (name: Operation, length: number, offset: number, base = 0) =>
      forged(now, 1000, (coder) => {
        coder.operation(name);
        if (name !== "copy") coder.element("int8");
        coder.length(length);
        coder.range(0, { base, offset });
        if (name !== "patch") return;
        coder.runCount(1);
        coder.run({ gap: 999, length: 5 });
      });
    const forgeries: [Uint8Array, RegExp][] = [
      [operation("copy", 1000, old.length - 999), /outside of its base/],
      [operation("copy", 1000, 2 ** 45), /outside of its base/],
      [operation("copy", 1000, 0, 5), /outside of its base/],
      [operation("copy", 1001, 0), /leaves its piece/],
      [operation("copy", 0, 0), /leaves its piece/],
      [operation("differences", 1001, 0), /leaves its piece/],
      [operation("patch", 1000, 0), /outside of what it patches/],
    ];
    for (const [delta, message] of forgeries) {
      await expect(applied(delta, [old], expected)).rejects.toThrow(message);
    }
    const single = (coder: OperationCoder) => {
      for (let i = 0; i < DELTA_LIMITS.operations + 1; i++) {
        coder.operation("copy");
        coder.length(1);
        coder.range(i, { base: 0, offset: 0 });
      }
    };
    const long = new Uint8Array(DELTA_LIMITS.operations + 10);
    await expect(applied(forged(long, long.length, single), [old], nameOf(long))).rejects.toThrow(
      /too many operations/,
    );
  });
});
