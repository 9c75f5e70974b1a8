import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tensorFrom, writeGoldenVectors } from "@sartor/shared/domain/tensor";
import type { ModelManifest } from "@sartor/shared/protocol";
import { afterAll, describe, expect, it } from "vitest";
import { ELEMENT, makeTensor } from "../graph/index.js";
import { sketchModel } from "../testing/build-graph.js";
import { digestOf } from "./build-context.js";
import type { BuildEvent, BuildRequest, MadeVariant } from "./build-request.js";
import { makeVariants } from "./make-variants.js";

const folder = mkdtempSync(join(tmpdir(), "sartor-make-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const limits = { timeMs: 60_000, memoryBytes: 2 ** 31 };
const tolerance = { absoluteTolerance: 0.001, relativeTolerance: 0.01, minimumTopOneAgreement: 1 };

/** A build of a model that gives back twice what it gets. */
function requestOf(model: Uint8Array, changes: Partial<BuildRequest> = {}): BuildRequest {
  const outputFolder = mkdtempSync(join(folder, "made-"));
  const [modelPath, goldenPath] = [join(outputFolder, "..", "m.onnx"), join(outputFolder, "..", "g.safetensors")];
  const input = tensorFrom("x", "FP32", [2, 4], Float32Array.of(1, 2, 3, 4, 8, 7, 6, 5));
  const output = tensorFrom("y", "FP32", [2, 4], Float32Array.of(2, 4, 6, 8, 16, 14, 12, 10));
  writeFileSync(modelPath, model);
  writeFileSync(goldenPath, writeGoldenVectors({ inputs: [input], outputs: [output] }));
  const manifest = {
    inputs: [{ name: "x", dataType: "FP32", shape: [-1, 4] }],
    outputs: [{ name: "y", dataType: "FP32", shape: [-1, 4] }],
    labels: ["a", "b", "c", "d"],
    golden: tolerance,
  } as unknown as ModelManifest;
  return {
    modelPath,
    modelDigest: digestOf(model),
    goldenPath,
    manifest,
    outputFolder,
    variants: ["fp32"],
    calibration: null,
    evaluation: null,
    accuracy: { maximumLoss: 0.005, minimumAccuracy: 0, minimumDecibels: 15, maximumFloatLayers: 16 },
    equalise: true,
    pruning: { share: 0.25 },
    ...changes,
  };
}

async function make(request: BuildRequest): Promise<Map<string, MadeVariant>> {
  const made = new Map<string, MadeVariant>();
  const emit = async (event: BuildEvent) => {
    if (event.type === "made") made.set(event.variant.name, event.variant);
  };
  await makeVariants(request, limits, emit, () => 0);
  return made;
}

const two = makeTensor("two", ELEMENT.float, [1], Float32Array.of(2));
/** Two factors that are one when it is folded. */
const foldable = sketchModel({
  constants: [makeTensor("one", ELEMENT.float, [1], Float32Array.of(1)), two],
  nodes: [
    ["Mul", ["one", "two"], ["factor"]],
    ["Mul", ["x", "factor"], ["y"]],
  ],
});

describe("where a variant comes from", () => {
  it("is told by digests: the model that was uploaded, and the folded one, which is the file of fp32 itself", async () => {
    const made = await make(requestOf(foldable, { variants: ["fp32", "fp16"] }));
    const fp32 = made.get("fp32");
    const { model, folded } = fp32?.card.lineage ?? {};
    expect(model).toBe(digestOf(foldable));
    expect(folded).toBe(digestOf(readFileSync(fp32?.modelPath ?? "")));
    expect(folded).not.toBe(model);
    expect(made.get("fp16")?.card.lineage).toMatchObject({ model, folded });
  });

  it("is checked: what is on the disk is not taken for what was uploaded", async () => {
    const request = requestOf(foldable, { modelDigest: digestOf(new Uint8Array(3)) });
    await expect(make(request)).rejects.toMatchObject({ code: "SRT_DIGEST_MISMATCH" });
  });
});

describe("a model that asks ONNX Runtime for more memory than there is", () => {
  /** Blows a sample up to 4 TiB before it reduces it again. */
  const greedy = sketchModel({
    constants: [two, makeTensor("shape", ELEMENT.int64, [3], BigInt64Array.of(2n ** 38n, 1n, 4n))],
    nodes: [
      ["Mul", ["x", "two"], ["doubled"]],
      ["Expand", ["doubled", "shape"], ["blown"]],
      ["ReduceMax", ["blown"], ["y"]],
    ],
  });

  it("ends as a lack of memory, with what can be done about it, and not as a model that is not supported", async () => {
    const code = "SRT_BUILD_MEMORY";
    const message = expect.stringMatching(/Failed to allocate memory .*2048 MiB.*SARTOR_BUILD_MEMORY_BYTES/s);
    await expect(make(requestOf(greedy))).rejects.toMatchObject({ code, message });
  });
});
