import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutChunks } from "./cut-chunks.js";

async function* stream(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

describe("cutting content into chunks", () => {
  it("loses nothing and fills every chunk but the last, however the content arrives", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 })),
        fc.integer({ min: 1, max: 17 }),
        async (parts, size) => {
          const chunks: Uint8Array[] = [];
          for await (const chunk of cutChunks(stream(parts), size)) chunks.push(chunk);
          expect(Buffer.concat(chunks)).toEqual(Buffer.concat(parts));
          expect(chunks.slice(0, -1).every((chunk) => chunk.byteLength === size)).toBe(true);
          expect(chunks.every((chunk) => chunk.byteLength > 0)).toBe(true);
        },
      ),
    );
  });
});
