import {
  classificationReport,
  classify,
  EditableGraph,
  ELEMENT,
  elementsOf,
  foldModel,
  makeTensor,
  modelCost,
  type PrunedLayer,
  pruneChannels,
  readFloats,
  runOutputs,
  shapeOf,
} from "@sartor/onnx";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildMobileNetV2, buildResNet18, drawImages } from "../quantization/networks.js";
import { hasGtsrb, roadSignImages } from "../quantization/road-sign-images.js";
import { batches } from "../quantization/samples.js";
import { roadSignModel } from "../support/road-sign-model.js";
import { type Drawing, drawNetwork, HEADS, PARTS, SIDE } from "./drawn-network.js";

const images = drawImages(4, SIDE, 11);
const samples = () => batches("image", images, [3, SIDE, SIDE], 1);
const oneImage = (side: number) => ({ image: { shape: [1, 3, side, side], data: drawImages(1, side, 1) } });

const drawings: fc.Arbitrary<Drawing> = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  parts: fc.array(fc.constantFrom(...PARTS), { maxLength: 5 }),
  head: fc.constantFrom(...HEADS),
  padded: fc.boolean(),
});
const shares = fc.constantFrom(0.1, 0.25, 0.5, 0.9);

/** Some drawn networks have no channel to lose; every other error is one. */
function refusal(error: unknown): undefined {
  expect(error).toMatchObject({ code: "SRT_PRUNE_NOTHING" });
}

async function outputsOf(model: Uint8Array): Promise<number[]> {
  const outputs: number[] = [];
  for await (const { values } of runOutputs(model, samples())) outputs.push(...values);
  return outputs;
}

function expectEqual(found: readonly number[], wanted: readonly number[], tolerance: number): void {
  expect(found).toHaveLength(wanted.length);
  const scale = Math.max(1e-3, ...wanted.map(Math.abs));
  const worst = Math.max(...wanted.map((value, index) => Math.abs(value - (found[index] ?? Number.NaN))));
  expect(worst / scale).toBeLessThan(tolerance);
}

/** Sets the filters of channels to zero: they compute their bias, or nothing where that goes, too. */
function silence(model: Uint8Array, layers: readonly PrunedLayer[], withBias: boolean): Uint8Array {
  const graph = EditableGraph.decode(model);
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  for (const { name, removed } of layers) {
    for (const input of nodes.get(name)?.input.slice(1, withBias ? 3 : 2) ?? []) {
      const tensor = graph.initializer(input);
      if (tensor === undefined) continue;
      const inner = elementsOf(shapeOf(tensor).slice(1));
      const gone = new Set(removed);
      const values = readFloats(tensor).map((value, index) => (gone.has(Math.floor(index / inner)) ? 0 : value));
      graph.replaceInitializer(makeTensor(input, ELEMENT.float, shapeOf(tensor), values));
    }
  }
  return graph.encode();
}

describe("whatever the network, pruning", () => {
  it("changes no output where the channels that go are zero, and removes the multiply-accumulates that it says", async () => {
    let tried = 0;
    await fc.assert(
      fc.asyncProperty(drawings, shares, async (drawing, share) => {
        const drawn = drawNetwork(drawing);
        const first = await pruneChannels(drawn, { share }).catch(refusal);
        if (first === undefined) return;
        tried++;
        const model = silence(drawn, first.layers, true);
        const pruned = await pruneChannels(model, { share });
        expect(pruned.layers).toEqual(first.layers);
        expectEqual(await outputsOf(pruned.model), await outputsOf(model), 1e-4);

        const [before, after] = [await modelCost(model, oneImage(SIDE)), await modelCost(pruned.model, oneImage(SIDE))];
        const weightsOf = (bytes: Uint8Array) => {
          const graph = EditableGraph.decode(bytes);
          return new Map(
            graph.nodes.map(({ name, input }) => [name, graph.initializer(input[1] ?? "")?.dims.map(Number) ?? []]),
          );
        };
        const [wide, narrow] = [weightsOf(model), weightsOf(pruned.model)];
        for (const { name, before: all, after: left } of pruned.layers) {
          expect([wide.get(name)?.[0], narrow.get(name)?.[0]]).toEqual([all, left]);
        }
        // Planes keep their size, so that each layer's work falls as its weight does.
        for (const [name, count] of before.byNode) {
          const ratio = elementsOf(narrow.get(name) ?? []) / elementsOf(wide.get(name) ?? []);
          expect(after.byNode.get(name)).toBeCloseTo(count * ratio, 6);
        }
        expect(after.multiplyAccumulates).toBeLessThan(before.multiplyAccumulates);
      }),
      { numRuns: 120, seed: 20_26 },
    );
    expect(tried).toBeGreaterThan(90);
  }, 240_000);

  it("changes no output where the channels that go are constant and samples say which constant", async () => {
    let tried = 0;
    await fc.assert(
      fc.asyncProperty(drawings, shares, async (drawing, share) => {
        // A mask over the plane makes of a constant channel one that is not.
        const parts = drawing.parts.filter((part) => part !== "mask");
        const drawn = drawNetwork({ ...drawing, parts, padded: false });
        const first = await pruneChannels(drawn, { share }).catch(refusal);
        if (first === undefined) return;
        tried++;
        const model = silence(drawn, first.layers, false);
        const pruned = await pruneChannels(model, { share, samples: samples() });
        expect(pruned.layers).toEqual(first.layers);
        expectEqual(await outputsOf(pruned.model), await outputsOf(model), 2e-3);
      }),
      { numRuns: 80, seed: 20_27 },
    );
    expect(tried).toBeGreaterThan(60);
  }, 240_000);
});

describe.each([
  ["ResNet18", (side: number) => buildResNet18(side, 64, 10), 20, 0.44],
  ["MobileNetV2", (side: number) => buildMobileNetV2(side, 1, 10), 34, 0.4],
])("%s", (_, build, layers, expectedShare) => {
  it("loses a quarter of the channels of every convolution, and much more of its work; twice the same bytes", async () => {
    const model = await foldModel(build(32));
    const [before, feeds] = [await modelCost(model, oneImage(32)), oneImage(32)];
    const images32 = drawImages(4, 32, 3);
    const run = () => pruneChannels(model, { share: 0.25, samples: batches("image", images32, [3, 32, 32], 2) });
    const pruned = await run();
    expect(pruned.layers).toHaveLength(layers);
    expect(pruned.removedChannels).toBe(pruned.layers.reduce((sum, layer) => sum + layer.before - layer.after, 0));
    for (const { before: all, after } of pruned.layers) expect(after % 8).toBe(all < 16 ? after % 8 : 0);
    const after = await modelCost(pruned.model, feeds);
    expect(1 - after.multiplyAccumulates / before.multiplyAccumulates).toBeCloseTo(expectedShare, 1);
    expect(after.weights).toBeLessThan(before.weights * 0.65);
    expect(await classify(pruned.model, batches("image", images32, [3, 32, 32], 2))).toHaveLength(4);
    expect(Buffer.compare(pruned.model, (await run()).model)).toBe(0);
    // What is pruned can be folded, so it is a valid model with shapes that fit.
    await foldModel(pruned.model);
  });
});

describe.skipIf(!hasGtsrb())("the shipped road-sign model on real road signs", () => {
  it("keeps most of its accuracy without a quarter of its channels where samples make up for them, and loses it where they do not", async () => {
    const model = await foldModel(roadSignModel().onnx);
    const [training, test] = [roadSignImages("train", 128), roadSignImages("test-even", 1000)];
    const accuracyOf = async (variant: Uint8Array) => {
      const found = await classify(variant, batches("image", test.images, [3, 32, 32], 50));
      return classificationReport(test.labels, test.labels, found, 43).accuracy;
    };
    const share = 0.25;
    const bare = await pruneChannels(model, { share });
    const kept = await pruneChannels(model, { share, samples: batches("image", training.images, [3, 32, 32], 16) });
    expect(kept.layers).toEqual(bare.layers);
    const [without, with_] = [await accuracyOf(bare.model), await accuracyOf(kept.model)];
    expect(with_).toBeGreaterThan(0.95);
    expect(with_).toBeGreaterThan(without + 0.05);
  });
});

if (!hasGtsrb()) console.warn("SKIPPED: accuracy of pruned road signs; ../shared/gtsrb is not there");
