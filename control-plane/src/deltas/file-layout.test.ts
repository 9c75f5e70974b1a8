import { tensorFrom, writeSafetensors } from "@sartor/shared/domain/tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fileLayout, safetensorsLayout } from "./file-layout.js";

const sourceOf = (bytes: Uint8Array) => ({
  length: bytes.length,
  read: async (at: number, length: number) => bytes.subarray(at, at + length),
});

describe("the layout of a file", () => {
  it("of golden vectors names each tensor", async () => {
    const inputs = tensorFrom("inputs.image", "FP32", [2, 3], new Float32Array(6));
    const outputs = tensorFrom("outputs.logits", "FP32", [2, 2], new Float32Array(4));
    const bytes = writeSafetensors([inputs, outputs]);
    const layout = await safetensorsLayout(sourceOf(bytes));
    const named = layout?.filter(({ element }) => element === "float32").map(({ name, length }) => [name, length]);
    expect(named).toEqual([
      ["inputs.image", 24],
      ["outputs.logits", 16],
    ]);
  });

  it("covers any file without holes, whatever it is", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        let end = 0;
        for (const { offset, length } of await fileLayout(sourceOf(bytes))) {
          expect(offset).toBe(end);
          end += length;
        }
        expect(end).toBe(bytes.length);
      }),
    );
  });
});
