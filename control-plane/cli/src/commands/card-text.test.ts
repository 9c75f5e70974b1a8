import { type VariantCard, variantCardSchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { cardText } from "./card-text.js";

const digest = `sha256:${"0".repeat(64)}`;
const dataset = { datasetId: "01ARZ3NDEKTSV4RRFFQ69G5FAV", name: "rendered", digest, samples: 1000 };

const CARD: VariantCard = variantCardSchema.parse({
  schemaVersion: 1,
  name: "int8-u8s8",
  kind: "int8-u8s8",
  accuracy: {
    dataset,
    accuracy: 0.989,
    referenceAccuracy: 0.991,
    agreement: 0.996,
    onlyVariantRight: 1,
    onlyReferenceRight: 3,
    pValue: 0.625,
    recallByClass: [1, 0.9, null, 0.75],
  },
  signal: { outputDecibels: 31.2, layers: [{ name: "conv1", operator: "Conv", decibels: 21.5 }] },
  cost: { bytes: 712_345, weights: 663_980, macs: 38_600_000 },
  calibration: {
    dataset: { ...dataset, samples: 300 },
    method: "mse",
    biasCorrected: true,
    equalisedPairs: 2,
    tried: [
      { method: "mse", biasCorrected: true, equalised: true, decibels: 31.2 },
      { method: "min-max", biasCorrected: false, equalised: false, decibels: 28 },
    ],
  },
  floatLayers: ["conv9"],
  keptLayers: [{ name: "softmax", reason: "it has no weights" }],
  fusion: {
    processor: "x86-64 with VNNI",
    int8Nodes: 20,
    conversions: 2,
    unfused: [{ name: "add3", operator: "Add", reason: "an input is in float" }],
  },
  pruning: null,
  network: { family: "convolution", activationBytes: 1 },
  lineage: {
    model: digest,
    folded: digest,
    calibration: digest,
    evaluation: digest,
    builder: "sartor 0.1.0",
    onnxRuntimeVersion: "1.30.0",
  },
  buildMs: 12_000,
  notes: ["Faster on processors with VNNI only."],
});

describe("a card on the terminal", () => {
  it("tells accuracy against fp32, the weakest classes by name, cost, calibration, layers and lineage", () => {
    const text = cardText(CARD, "road-sign 1.0.0", ["20 km/h", "30 km/h", "50 km/h", "Stop"]).replace(/\s+/g, " ");
    expect(text).toContain(
      "road-sign 1.0.0 int8-u8s8 accuracy 98.90 % of 1000 samples of 'rendered'; fp32 99.10 %, so -0.20 points.",
    );
    expect(text).toContain("right alone 1 time, fp32 alone 3 times (exact McNemar test, p = 0.625)");
    expect(text).toContain("Weakest classes: Stop 75.00 %, 30 km/h 90.00 %.");
    expect(text).toContain("696 KiB, 663980 weights, 38.6 million multiply-accumulates");
    expect(text).toContain(
      "mse on 300 samples of 'rendered', biases corrected, 2 pairs of layers evened out, the best of 2 ways",
    );
    expect(text).toContain("back in fp32 conv9");
    expect(text).toContain("softmax (it has no weights)");
    expect(text).toContain("20 operators in int8, 2 conversions left; in float: add3 (an input is in float)");
    expect(text).toContain("note Faster on processors with VNNI only.");
  });

  it("says that accuracy is unknown where nothing was measured, and leaves out what there is not", () => {
    const bare = {
      ...CARD,
      accuracy: null,
      signal: null,
      calibration: null,
      floatLayers: [],
      keptLayers: [],
      fusion: null,
    };
    const text = cardText(bare, "road-sign 1.0.0", []);
    expect(text).toContain("not measured: there was no evaluation set");
    for (const word of ["signal", "calibration", "back in fp32", "fusion", "pruned"]) expect(text).not.toContain(word);
  });
});
