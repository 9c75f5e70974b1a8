import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EditableGraph, ELEMENT, makeTensor, readFloats, shapeOf } from "../graph/index.js";
import { ramp, sketchModel } from "../testing/build-graph.js";
import { keptCount } from "./choose-channels.js";
import { pruneChannels } from "./prune-channels.js";

describe("how many channels stay", () => {
  it("is a multiple of 8 from 16 channels on, and never none nor more than there are", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4096 }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        (channels, share) => {
          const kept = keptCount(channels, share);
          expect(kept).toBeGreaterThanOrEqual(1);
          expect(kept).toBeLessThanOrEqual(channels);
          if (channels >= 16 && kept < channels) expect(kept % 8).toBe(0);
          expect(Math.abs(kept - channels * (1 - share))).toBeLessThanOrEqual(channels < 16 ? 1 : 8);
        },
      ),
    );
  });

  it.each([
    [64, 0.25, 48],
    [64, 0.1, 56],
    [32, 0.1, 32],
    [16, 0.75, 8],
    [12, 0.25, 9],
    [1, 0.9, 1],
  ])("of %i without a share of %f is %i", (channels, share, kept) => expect(keptCount(channels, share)).toBe(kept));
});

describe("pruning", () => {
  const model = (filters: readonly number[]) =>
    sketchModel({
      inputs: { x: [-1, 1, 4, 4] },
      constants: [
        makeTensor("w", ELEMENT.float, [filters.length, 1, 1, 1], Float32Array.from(filters)),
        ramp("head", [filters.length * 16, 3]),
      ],
      nodes: [
        ["Conv", ["x", "w"], ["a"]],
        ["Flatten", ["a"], ["f"]],
        ["Gemm", ["f", "head"], ["y"]],
      ],
    });

  it("removes the smallest filters, of equals the last, with the columns of their planes", async () => {
    const pruned = await pruneChannels(model([3, -1, 2, 1]), { share: 0.5 });
    expect(pruned.layers).toEqual([{ name: "Conv_a", before: 4, after: 2, removed: [1, 3] }]);
    expect(pruned.removedChannels).toBe(2);
    const graph = EditableGraph.decode(pruned.model);
    const [weight, head] = ["w", "head"].map((name) => graph.initializer(name));
    expect(weight && [...readFloats(weight)]).toEqual([3, 2]);
    expect(head && shapeOf(head)).toEqual([32, 3]);
    const whole = readFloats(ramp("head", [64, 3]));
    expect(head && [...readFloats(head)]).toEqual([...whole.subarray(0, 48), ...whole.subarray(96, 144)]);
    const tie = await pruneChannels(model([1, 1, 1, 1]), { share: 0.25 });
    expect(tie.layers[0]?.removed).toEqual([3]);
  });

  it("says when there is nothing to remove, and whether the network or the share is the reason", async () => {
    const dense = sketchModel({ constants: [ramp("w", [4, 3])], nodes: [["Gemm", ["x", "w"], ["y"]]] });
    await expect(pruneChannels(dense, { share: 0.5 })).rejects.toMatchObject({
      code: "SRT_PRUNE_NOTHING",
      message: "The model has no convolution whose channels can be removed.",
    });
    await expect(pruneChannels(model([1, 2, 3]), { share: 0.05 })).rejects.toMatchObject({
      code: "SRT_PRUNE_NOTHING",
      message: expect.stringContaining("too few"),
    });
    await expect(pruneChannels(model([1, 2]), { share: 1 })).rejects.toThrow(RangeError);
  });

  it("refuses what is no model, and stops when it is told to", async () => {
    await expect(pruneChannels(Uint8Array.of(1, 2, 3), { share: 0.5 })).rejects.toMatchObject({
      code: "SRT_MODEL_NOT_ONNX",
    });
    const samples = [{ x: { shape: [1, 1, 4, 4], data: new Float32Array(16) } }];
    const signal = AbortSignal.abort();
    await expect(pruneChannels(model([1, 2]), { share: 0.5, samples, signal })).rejects.toThrow(/abort/i);
    await expect(pruneChannels(model([1, 2]), { share: 0.5, samples: [] })).rejects.toMatchObject({
      code: "SRT_CALIBRATION_EMPTY",
    });
  });
});
