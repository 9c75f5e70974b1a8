import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeFrame, type Frame, FrameReader } from "./frames.js";

const frame = fc.record({
  header: fc.record({ id: fc.nat(), text: fc.string({ unit: "grapheme" }) }),
  parts: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 4 }),
});

describe("frames between the agent and its runtime child", () => {
  it("arrive whole and aligned, however the socket cuts them", () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
        (sent, cuts) => {
          const stream = Buffer.concat(sent.flatMap(({ header, parts }) => encodeFrame(header, parts)));
          const reader = new FrameReader();
          const got: Frame[] = [];
          for (let position = 0, turn = 0; position < stream.length; turn++) {
            const size = cuts[turn % cuts.length] ?? 1;
            got.push(...reader.push(stream.subarray(position, position + size)));
            position += size;
          }
          expect(
            got.map(({ header, parts }) => ({
              header: { id: header.id, text: header.text },
              parts: parts.map((part) => [...part]),
            })),
          ).toEqual(sent.map(({ header, parts }) => ({ header, parts: parts.map((part) => [...part]) })));
          for (const { parts } of got) for (const part of parts) expect(part.byteOffset % 8).toBe(0);
        },
      ),
    );
  });

  it("of an impossible size are refused before memory is taken", () => {
    const prefix = Buffer.alloc(8);
    prefix.writeUInt32LE(0xffff_ffff, 0);
    prefix.writeUInt32LE(16, 4);
    expect(() => new FrameReader().push(prefix)).toThrow(RangeError);
  });
});
