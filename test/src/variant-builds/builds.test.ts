import { readFileSync, statSync } from "node:fs";
import { classify, EditableGraph, inspectDataset, verifyModel } from "@sartor/onnx";
import { readGoldenVectors, tensorFrom, viewElements, writeGoldenVectors } from "@sartor/shared/domain/tensor";
import { VARIANT_NAMES } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drawImages } from "../quantization/networks.js";
import { hasGtsrb, roadSignImages } from "../quantization/road-sign-images.js";
import { roadSignModel } from "../support/road-sign-model.js";
import { buildTinyClassifier, randomPixels } from "../support/tiny-model.js";
import { BuildBench, type Built, build, digestOf, filesOf } from "./building.js";
import {
  buildFragileNetwork,
  FRAGILE_CLASSES,
  FRAGILE_LAYER,
  FRAGILE_SHAPE,
  labelled,
  versionOf,
} from "./fragile-network.js";

type ValueInfo = EditableGraph["outputs"][number];

const bench = new BuildBench();
afterAll(() => bench.remove());

const LAX = { maximumLoss: 1, minimumAccuracy: 0, minimumDecibels: 0, maximumFloatLayers: 16 };

describe("a build of every kind of variant", () => {
  const tiny = buildTinyClassifier();
  const pixels = new Uint8Array(40 * 32 * 32 * 3);
  for (let sample = 0; sample < 40; sample++) pixels.set(randomPixels(32, 32, 5000 + sample), sample * 32 * 32 * 3);
  const labels = Int32Array.from({ length: 40 }, (_, sample) => sample % 10);
  const dataset = bench.dataset("pixels", [
    tensorFrom("images", "UINT8", [40, 32, 32, 3], pixels),
    tensorFrom("labels", "INT32", [40], labels),
  ]);
  const request = bench.request(tiny, {
    variants: VARIANT_NAMES,
    calibration: dataset,
    evaluation: dataset,
    accuracy: LAX,
  });
  let built: Built;
  beforeAll(async () => {
    built = await build(request);
  });

  it("makes each, with files that ONNX Runtime loads and that hold their own golden vectors", async () => {
    expect(Object.fromEntries(built.refused)).toEqual({});
    expect([...built.made.keys()]).toEqual([...VARIANT_NAMES]);
    for (const { name, modelPath, goldenPath, golden } of built.made.values()) {
      const verified = await verifyModel({ modelPath, goldenPath, manifest: { ...tiny.manifest, golden } });
      expect([name, verified.golden.vectors]).toEqual([name, 8]);
    }
  });

  it("makes golden vectors that another network fails: the pruned one in place of the whole", async () => {
    const pruned = built.made.get("fp32-pruned")?.modelPath ?? "";
    for (const { name, goldenPath, golden } of built.made.values()) {
      if (name.endsWith("-pruned")) continue;
      const swapped = verifyModel({ modelPath: pruned, goldenPath, manifest: { ...tiny.manifest, golden } });
      await expect(swapped, name).rejects.toMatchObject({ code: "SRT_GOLDEN_MISMATCH" });
    }
  });

  it("leaves exactly the files of what it made", () => {
    const names = VARIANT_NAMES.flatMap((name) => [`${name}.golden.safetensors`, `${name}.onnx`]);
    expect(Object.keys(filesOf(request))).toEqual(names.sort());
  });

  it("writes cards whose numbers fit each other and the files", () => {
    for (const { card, name, kind, modelPath } of built.made.values()) {
      expect([card.name, card.kind]).toEqual([name, kind]);
      expect(card.cost.bytes).toBe(statSync(modelPath).size);
      expect(card.lineage.model).toBe(digestOf(tiny.onnx));
      expect(card.network.family).toBe("convolution");
      if (name === "fp32") continue;
      const accuracy = card.accuracy;
      if (accuracy === null) throw new Error(`${name} was not evaluated`);
      expect(accuracy.dataset.samples).toBe(40);
      const difference = (accuracy.onlyVariantRight - accuracy.onlyReferenceRight) / 40;
      expect(accuracy.accuracy - accuracy.referenceAccuracy).toBeCloseTo(difference, 9);
      const recall = accuracy.recallByClass.reduce<number>((sum, share) => sum + (share ?? 0), 0) / 10;
      expect(recall).toBeCloseTo(accuracy.accuracy, 9);
      expect(accuracy.referenceAccuracy).toBe(built.evaluated?.accuracy?.accuracy);
    }
    const macs = (name: string) => built.made.get(name)?.card.cost.macs ?? 0;
    expect(macs("fp32")).toBe(32 * 32 * 8 * 27 + 80);
    expect(macs("int8-u8s8")).toBe(macs("fp32"));
    expect(macs("fp32-pruned")).toBeLessThan(macs("fp32"));
    expect(macs("int8-u8s8-pruned")).toBe(macs("fp32-pruned"));
    expect(built.made.get("fp32")?.card.network.activationBytes).toBe(2 * 8 * 32 * 32 * 4);
  });

  it("says how each was calibrated, what it tried and that TensorRT is not here", () => {
    const card = (name: string) => built.made.get(name)?.card;
    expect(card("int8-u8s8")?.calibration?.dataset.digest).toBe(dataset.digest);
    const tried = card("int8-u8s8")?.calibration?.tried ?? [];
    expect(tried).toHaveLength(6);
    expect(card("int8-u8s8")?.signal?.layers.map(({ name }) => name)).toContain("Conv_convolved");
    expect(card("int8-u8s8")?.fusion?.int8Nodes).toBeGreaterThan(0);
    expect(card("int8-dynamic")?.calibration).toBeNull();
    expect(card("int8-dynamic")?.keptLayers).toEqual([]);
    expect(card("int8-tensorrt")?.notes.join()).toContain("TensorRT");
    expect(built.made.get("int8-tensorrt")?.runtime.executionProviders).toEqual(["tensorrt"]);
    expect(card("int8-s8s8-pruned")?.pruning?.removedChannels).toBeGreaterThan(0);
  });

  it("comes in order: evaluated before the first other variant, each started and ended once, progress up to 100", () => {
    const steps = built.events.filter(({ type }) => type !== "progress");
    expect(steps.slice(0, 4).map(({ type }) => type)).toEqual(["started", "made", "evaluated", "started"]);
    expect(steps).toHaveLength(2 * VARIANT_NAMES.length + 1);
    const percents = built.events.flatMap((event) => (event.type === "progress" ? [event.percent] : []));
    expect(percents).toEqual(percents.toSorted((a, b) => a - b));
    expect(percents.at(-1)).toBe(100);
  });

  it("gives the same bytes when it is cancelled in the middle and the rest is built later", async () => {
    const again = bench.request(tiny, {
      variants: ["int8-u8s8", "fp16", "int8-s8s8", "fp32-pruned"],
      calibration: dataset,
      evaluation: dataset,
      accuracy: LAX,
    });
    const cancel = new AbortController();
    const reason = new Error("cancelled by an operator");
    const first = build(again, {
      signal: cancel.signal,
      onEvent: (event) => {
        if (event.type === "started" && event.name === "int8-s8s8") cancel.abort(reason);
      },
    });
    await expect(first).rejects.toBe(reason);
    expect(Object.keys(filesOf(again)).filter((name) => name.startsWith("int8-s8s8"))).toEqual([]);
    await build({ ...again, variants: ["int8-s8s8", "fp32-pruned"] });
    const whole = filesOf(request);
    for (const [name, digest] of Object.entries(filesOf(again))) expect([name, digest]).toEqual([name, whole[name]]);
    expect(Object.keys(filesOf(again))).toHaveLength(8);
  });

  it("makes fp32 without any samples, and with the version's own golden vectors", async () => {
    const alone = bench.request(tiny, { variants: ["fp32"] });
    const { made } = await build(alone);
    const fp32 = made.get("fp32");
    expect(fp32?.golden).toEqual(tiny.manifest.golden);
    expect(digestOf(readFileSync(fp32?.goldenPath ?? ""))).toBe(digestOf(tiny.golden));
    expect(fp32?.card.accuracy).toBeNull();
  });
});

describe("a network that gives more than its classes", () => {
  it("is judged by the output that the manifest names first, wherever the model lists it", async () => {
    const [tiny, least] = [buildTinyClassifier(), "least"];
    const graph = EditableGraph.decode(tiny.onnx);
    graph.addNode({ opType: "Neg", inputs: ["logits"], outputs: [least] });
    graph.addOutput({ ...(graph.outputs[0] as ValueInfo), name: least });
    (graph.outputs as ValueInfo[]).reverse();
    const { inputs, outputs } = readGoldenVectors(tiny.golden, tiny.manifest);
    const [logits, spec] = [outputs[0], tiny.manifest.outputs[0]];
    if (logits?.dataType !== "FP32" || spec === undefined) throw new Error("no logits");
    const negated = viewElements({ ...logits, dataType: "FP32" }).map((value) => -value);
    const version = {
      onnx: graph.encode(),
      golden: writeGoldenVectors({ inputs, outputs: [logits, tensorFrom(least, "FP32", logits.shape, negated)] }),
      manifest: { ...tiny.manifest, outputs: [spec, { ...spec, name: least }] },
    };
    const images = drawImages(30, 32, 11);
    const labels = await classify(tiny.onnx, [{ image: { shape: [30, 3, 32, 32], data: images } }]);
    const evaluation = bench.samples("more-outputs", images, [3, 32, 32], labels);
    const { made, evaluated } = await build(bench.request(version, { variants: ["fp16"], evaluation }));
    expect(evaluated?.accuracy?.accuracy).toBe(1);
    expect(made.get("fp16")?.card.accuracy?.accuracy).toBeGreaterThan(0.9);
  });
});

describe("a network that int8 kills", () => {
  const model = buildFragileNetwork();
  const [, side] = FRAGILE_SHAPE;
  const images = drawImages(60, side, 3);

  async function fragile(accuracy: Partial<typeof LAX>) {
    const version = await versionOf(model, drawImages(4, side, 5), FRAGILE_SHAPE, FRAGILE_CLASSES);
    const labels = await labelled(model, images);
    expect(new Set(labels).size).toBeGreaterThan(1);
    return bench.request(version, {
      variants: ["int8-u8s8"],
      calibration: bench.samples("fragile-calibration", drawImages(24, side, 4), FRAGILE_SHAPE),
      evaluation: bench.samples("fragile-evaluation", images, FRAGILE_SHAPE, labels),
      accuracy: { ...LAX, maximumLoss: 0.02, ...accuracy },
    });
  }

  it("returns the layer to fp32 that loses, names it and keeps the policy", async () => {
    const { made } = await build(await fragile({}));
    const card = made.get("int8-u8s8")?.card;
    expect(card?.floatLayers).toEqual([FRAGILE_LAYER]);
    expect(card?.accuracy?.accuracy).toBeGreaterThanOrEqual(0.98);
    expect(card?.notes.join()).toContain(FRAGILE_LAYER);
    expect(card?.signal?.layers[0]?.name).toBe(FRAGILE_LAYER);
  });

  it("is refused where no layer may return to fp32, and nothing of it is offered", async () => {
    const request = await fragile({ maximumFloatLayers: 0 });
    const { made, refused } = await build(request);
    expect(made.size).toBe(0);
    expect(refused.get("int8-u8s8")?.code).toBe("SRT_QUANTIZE_INACCURATE");
    expect(filesOf(request)).toEqual({});
  });

  it("is judged by signal to noise where there is no evaluation set", async () => {
    const request = { ...(await fragile({ minimumDecibels: 25 })), evaluation: null };
    const { made } = await build(request);
    const card = made.get("int8-u8s8")?.card;
    expect(card?.floatLayers).toContain(FRAGILE_LAYER);
    expect(card?.signal?.outputDecibels).toBeGreaterThanOrEqual(25);
    const { refused } = await build(await fragile({ minimumDecibels: 200 }).then((r) => ({ ...r, evaluation: null })));
    expect(refused.get("int8-u8s8")?.message).toContain("200 dB");
  });
});

describe.runIf(hasGtsrb())("the road-sign network with real images", () => {
  it("loses at most 0.3 points in int8", async () => {
    const calibration = roadSignImages("train", 64);
    const evaluation = roadSignImages("test-even", 1500);
    const model = roadSignModel();
    const request = bench.request(model, {
      variants: ["int8-u8s8"],
      calibration: bench.samples("signs", calibration.images, [3, 32, 32]),
      evaluation: bench.samples("signs-evaluation", evaluation.images, [3, 32, 32], evaluation.labels),
      equalise: false,
    });
    expect((await inspectDataset(request.evaluation?.path ?? "", model.manifest)).samples).toBe(1500);
    const { made } = await build(request);
    const accuracy = made.get("int8-u8s8")?.card.accuracy;
    expect(accuracy?.referenceAccuracy).toBeGreaterThan(0.98);
    expect(accuracy?.accuracy).toBeGreaterThanOrEqual((accuracy?.referenceAccuracy ?? 1) - 0.003);
  });
});
