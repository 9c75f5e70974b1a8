import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type KeepAccuracyOptions, keepAccuracy } from "./keep-accuracy.js";
import type { LayerError } from "./layer-errors.js";

const layer = (name: string, decibels: number): LayerError => ({
  name,
  operator: "Conv",
  decibels,
  meanError: new Float32Array(1),
  rootMeanSquare: 1,
});

/** A network of which `needed` layers must stay in fp32, the worst ones. */
function network(layers: number, needed: number, most = layers): KeepAccuracyOptions<ReadonlySet<string>> {
  return {
    policy: { minimumAccuracy: 0.9, maximumFloatLayers: most },
    errors: Array.from({ length: layers }, (_, index) => layer(`conv${index}`, 40 - index)),
    build: async (keepFloat) => keepFloat,
    evaluate: async (kept) => (kept.size >= needed ? 0.95 : 0.5),
  };
}

describe("accuracy-aware fallback", () => {
  it("keeps everything in int8 where that is accurate enough", async () => {
    const found = await keepAccuracy(network(10, 0));
    expect(found.floatLayers).toEqual([]);
    expect(found.attempts).toHaveLength(1);
  });

  it("returns the layers with the least signal to noise, the worst first, and says which", async () => {
    const found = await keepAccuracy(network(10, 2));
    expect(found.floatLayers).toEqual(["conv9", "conv8"]);
    expect([...found.variant]).toEqual(["conv9", "conv8"]);
    expect(found.accuracy).toBe(0.95);
  });

  it("never keeps more layers than needed, and tries few variants", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 60 }), fc.nat(58), async (layers, wanted) => {
        const needed = Math.min(wanted, layers - 1);
        const found = await keepAccuracy(network(layers, needed));
        expect(found.floatLayers).toHaveLength(needed);
        expect(found.attempts.length).toBeLessThanOrEqual(16);
      }),
    );
  });

  it("refuses a model that keeps its accuracy only beyond the allowed number of layers, and tells what it tried", async () => {
    await expect(keepAccuracy(network(10, 5, 4))).rejects.toMatchObject({
      code: "SRT_QUANTIZE_INACCURATE",
      details: { attempts: expect.arrayContaining([expect.objectContaining({ accuracy: 0.5 })]) },
    });
  });
});
