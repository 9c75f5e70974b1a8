import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutByContent, ELEMENTS, PIECE_BYTES } from "./index.js";
import { applied, deltaOf, fileOf, nameOf, sourceOf, type TestTensor } from "./testing/files.js";

const bytes = (most: number) => fc.uint8Array({ maxLength: most });
const element = fc.constantFrom(...ELEMENTS);

/** A file, and one that came from it: tensors changed in places, grown, moved, renamed, dropped, new. */
const versions = fc
  .array(fc.record({ name: fc.constantFrom("a", "b", "c", "d", "e", "f"), element, bytes: bytes(3000) }), {
    maxLength: 6,
  })
  .map((tensors) => tensors.filter(({ name }, index) => tensors.findIndex((other) => other.name === name) === index))
  .chain((old) =>
    fc.record({
      old: fc.constant(old),
      now: fc
        .tuple(...old.map((tensor) => changed(tensor)))
        .chain((tensors) => fc.shuffledSubarray(tensors, { minLength: 0 })),
      gaps: fc.tuple(bytes(40), bytes(40)),
    }),
  );

function changed(tensor: TestTensor): fc.Arbitrary<TestTensor> {
  const edits = fc.array(fc.record({ at: fc.nat(3000), value: fc.nat(255) }), { maxLength: 30 });
  return fc.oneof(
    fc.constant(tensor),
    edits.map((list) => ({ ...tensor, bytes: edited(tensor.bytes, list) })),
    bytes(500).map((more) => ({ ...tensor, bytes: new Uint8Array(Buffer.concat([tensor.bytes, more])) })),
    fc.constant({ ...tensor, name: `${tensor.name}2` }),
    bytes(3000).map((other) => ({ ...tensor, bytes: other })),
    fc.constant({ ...tensor, bytes: tensor.bytes.map((byte) => (byte + 1) & 255) }),
  );
}

function edited(old: Uint8Array, edits: readonly { at: number; value: number }[]): Uint8Array {
  const now = old.slice();
  for (const { at, value } of edits) if (now.length > 0) now[at % now.length] = value;
  return now;
}

/** Noise that is the same each time. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state >>> 24;
  });
}

describe("a difference", () => {
  it("builds exactly the new file on a device that holds the old one, whatever the two are", async () => {
    await fc.assert(
      fc.asyncProperty(versions, async ({ old, now, gaps }) => {
        const [before, after] = [fileOf(old, gaps[0]), fileOf(now, gaps[1])];
        const delta = await deltaOf(after.file, [before.file]);
        expect(await applied(delta, [before.bytes], nameOf(after.bytes))).toEqual(after.bytes);
      }),
      { numRuns: 150 },
    );
  });

  it("builds files of an unknown format, cut by content, from several bases or none", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(bytes(2000), { maxLength: 3 }), bytes(2000), async (bases, target) => {
        const laidOut = async (content: Uint8Array) => {
          const source = sourceOf(content);
          return { source, layout: await cutByContent(source) };
        };
        const delta = await deltaOf(await laidOut(target), await Promise.all(bases.map(laidOut)));
        expect(await applied(delta, bases, nameOf(target))).toEqual(target);
      }),
      { numRuns: 100 },
    );
  });

  it("arrives in parts of any size", async () => {
    const [old, now] = [noise(50_000, 1), noise(50_000, 1)];
    now.fill(7, 20_000, 21_000);
    const layout = [{ offset: 0, length: 50_000, element: "int8" as const, name: "weights" }];
    const delta = await deltaOf({ source: sourceOf(now), layout }, [{ source: sourceOf(old), layout }]);
    const single = Array.from(delta, (byte) => Uint8Array.of(byte));
    expect(await applied(single, [old], nameOf(now))).toEqual(now);
  });

  it("keeps every bit of special floats: infinities, not-a-numbers with payload, both zeros, the smallest", async () => {
    for (const kind of ["float32", "float16", "bfloat16", "int32", "int16"] as const) {
      const patterns = [0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc12345, 0xffffffff, 1, 0x80000001, 0x7fffffff];
      const pairs = patterns.flatMap((before) => patterns.map((after) => [before, after] as const));
      const [old, now] = [0, 1].map(
        (side) => new Uint8Array(Uint32Array.from(pairs, (pair) => pair[side] as number).buffer),
      ) as [Uint8Array, Uint8Array];
      const layout = [{ offset: 0, length: old.length, element: kind, name: "weights" }];
      const delta = await deltaOf({ source: sourceOf(now), layout }, [{ source: sourceOf(old), layout }]);
      expect(await applied(delta, [old], nameOf(now))).toEqual(now);
    }
  });

  it("of a file that spans pieces costs a few hundred bytes where nothing or one tensor's place changed", async () => {
    const tensors: TestTensor[] = [1, 2, 3].map((seed) => ({
      name: `layer ${seed}`,
      element: "int8",
      bytes: noise(PIECE_BYTES * 0.7, seed),
    }));
    const gap = Uint8Array.of(1, 2, 3);
    const before = fileOf(tensors, gap);
    const after = fileOf([...tensors].reverse(), gap);
    const same = await deltaOf(before.file, [before.file]);
    const moved = await deltaOf(after.file, [before.file]);
    expect(same.length).toBeLessThan(300);
    expect(moved.length).toBeLessThan(300);
    expect(await applied(moved, [before.bytes], nameOf(after.bytes))).toEqual(after.bytes);
  });

  it("finds what stayed in a file of an unknown format when something is inserted", async () => {
    const old = noise(600_000, 4);
    const now = new Uint8Array(Buffer.concat([old.subarray(0, 300_000), noise(100, 5), old.subarray(300_000)]));
    const [before, after] = [sourceOf(old), sourceOf(now)];
    const target = { source: after, layout: await cutByContent(after) };
    const delta = await deltaOf(target, [{ source: before, layout: await cutByContent(before) }]);
    expect(delta.length).toBeLessThan(1000);
    expect(await applied(delta, [old], nameOf(now))).toEqual(now);
  });

  it("is small where floats moved a little: less than half of the file", async () => {
    const floats = Float32Array.from({ length: 20_000 }, (_, index) => Math.sin(index * 12.9898) * 0.05);
    const moved = floats.map((value, index) => value * (1 + 0.001 * Math.sin(index * 78.233)));
    const [old, now] = [new Uint8Array(floats.buffer), new Uint8Array(moved.buffer)];
    const layout = [{ offset: 0, length: old.length, element: "float32" as const, name: "weights" }];
    const delta = await deltaOf({ source: sourceOf(now), layout }, [{ source: sourceOf(old), layout }]);
    expect(delta.length).toBeLessThan(old.length / 2);
    expect(await applied(delta, [old], nameOf(now))).toEqual(now);
  });
});
