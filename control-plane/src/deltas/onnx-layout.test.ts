import { readFileSync } from "node:fs";
import { join } from "node:path";
import { applyDelta, cutByContent, makeDelta } from "@sartor/shared/domain/delta";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeDeltaTools } from "./node-delta-tools.js";
import { onnxLayout, onnxTensors } from "./onnx-layout.js";

const roadSign = new Uint8Array(
  readFileSync(join(import.meta.dirname, "../../../workloads/road-sign/model/road-sign.onnx")),
);

function sourceOf(bytes: Uint8Array) {
  return { length: bytes.length, read: async (at: number, length: number) => bytes.subarray(at, at + length) };
}

describe("the layout of an ONNX file", () => {
  it("names every weight of the road-sign model, and covers the file without holes", async () => {
    const layout = (await onnxLayout(sourceOf(roadSign))) ?? [];
    const floats = layout.filter(({ element }) => element === "float32");
    expect(floats.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(roadSign.length * 0.98);
    expect(new Set(floats.map(({ name }) => name)).size).toBe(floats.length);
    let end = 0;
    for (const { offset, length } of layout) {
      expect(offset).toBe(end);
      end += length;
    }
    expect(end).toBe(roadSign.length);
  });

  it("lets a device fetch only the tensor that was trained again", async () => {
    const source = sourceOf(roadSign);
    const layout = (await onnxLayout(source)) ?? [];
    const head = layout.filter(({ element, length }) => element === "float32" && length > 10_000).at(-1);
    if (head === undefined) throw new Error("the model has no large tensor");
    const now = roadSign.slice();
    const view = new DataView(now.buffer);
    for (let at = head.offset; at < head.offset + head.length; at += 4) {
      view.setFloat32(at, 0.05 * Math.sin(at * 12.9898), true);
    }
    const parts: Uint8Array[] = [];
    for await (const part of makeDelta({ source: sourceOf(now), layout }, [{ source, layout }], nodeDeltaTools)) {
      parts.push(part);
    }
    expect(parts.reduce((sum, part) => sum + part.length, 0)).toBeLessThan(head.length);
    const expected = { digest: Buffer.from(nodeDeltaTools.digest(now)).toString("hex"), length: now.length };
    const readBase = (_base: unknown, offset: number, length: number) => source.read(offset, length);
    const built: Uint8Array[] = [];
    for await (const piece of applyDelta(parts, readBase, expected, nodeDeltaTools)) built.push(piece);
    expect(Buffer.compare(Buffer.concat(built), now)).toBe(0);
  });

  it("takes whatever is no ONNX for a file without tensors", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        const tensors = await onnxTensors(sourceOf(bytes));
        for (const { offset, length } of tensors) expect(offset + length).toBeLessThanOrEqual(bytes.length);
      }),
    );
    const text = new TextEncoder().encode("labels: stop, yield");
    expect(await onnxLayout(sourceOf(text))).toBeUndefined();
    expect((await cutByContent(sourceOf(text))).length).toBe(1);
  });
});
