import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BundleManifest, bundleFileNameSchema, bundleManifestSchema } from "./bundle-manifest.js";
import { modelManifestSchema } from "./model-manifest.js";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const model = {
  schemaVersion: 1 as const,
  name: "road-sign",
  version: "1.0.0",
  task: "image-classification" as const,
  description: "",
  inputs: [{ name: "input", dataType: "FP32" as const, shape: [-1, 3, 48, 48] }],
  outputs: [{ name: "logits", dataType: "FP32" as const, shape: [-1, 2] }],
  labels: ["stop", "yield"],
  preprocessing: {
    kind: "image" as const,
    width: 48,
    height: 48,
    colorOrder: "rgb" as const,
    layout: "nchw" as const,
    mean: [0.5, 0.5, 0.5],
    standardDeviation: [0.25, 0.25, 0.25],
  },
  postprocessing: { kind: "softmax" as const },
  golden: { absoluteTolerance: 1e-4, relativeTolerance: 1e-3, minimumTopOneAgreement: 1 },
};
const file = (name: string, sizes: readonly number[]) => ({
  name,
  bytes: sizes.reduce((sum, bytes) => sum + bytes, 0),
  digest: digest("1"),
  chunks: sizes.map((bytes) => ({ digest: digest("2"), bytes })),
});
const manifestOf = (files: readonly ReturnType<typeof file>[], change: object = {}) => ({
  schemaVersion: 1,
  model: "road-sign",
  version: "1.0.0",
  variant: {
    name: "fp32",
    kind: "fp32",
    golden: { absoluteTolerance: 0.001, relativeTolerance: 0.001, minimumTopOneAgreement: 1 },
  },
  runtime: {
    adapter: "onnxruntime-node",
    executionProviders: ["cpu"],
    intraOpThreads: 1,
    graphOptimizationLevel: "all",
  },
  modelManifest: model,
  entry: { model: "model.onnx", golden: "golden.safetensors" },
  files,
  totalBytes: files.reduce((sum, one) => sum + one.bytes, 0),
  ...change,
});
const good = [file("model.onnx", [262_144, 100]), file("golden.safetensors", [5])];
const problemsOf = (value: unknown) =>
  bundleManifestSchema.safeParse(value).error?.issues.map(({ message }) => message) ?? [];

describe("bundle manifest", () => {
  it("takes a bundle whose files are the sum of their chunks", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 262_144 }), { minLength: 1, maxLength: 20 }), (sizes) => {
        const manifest: BundleManifest = bundleManifestSchema.parse(
          manifestOf([file("model.onnx", sizes), good[1] ?? file("x", [])]),
        );
        expect(manifest.totalBytes).toBe(sizes.reduce((sum, bytes) => sum + bytes, 5));
        expect(manifest.runtime.sessionConfig).toEqual({});
      }),
    );
  });

  it("reads a bundle of the first release, which has the model's own tolerance", () => {
    const parsed = bundleManifestSchema.parse(manifestOf(good, { variant: { name: "fp32", precision: "fp32" } }));
    expect(parsed.variant).toEqual({ name: "fp32", kind: "fp32", golden: model.golden });
  });

  it.each([
    [
      "a file shorter than its chunks",
      manifestOf([{ ...file("model.onnx", [10]), bytes: 9 }, file("golden.safetensors", [5])], { totalBytes: 14 }),
      "the chunks do not add up to the file",
    ],
    ["a total that is not the sum", manifestOf(good, { totalBytes: 1 }), "the files do not add up to the bundle"],
    [
      "an entry that names no file",
      manifestOf(good, { entry: { model: "other.onnx", golden: "golden.safetensors" } }),
      "an entry names no file",
    ],
    ["two files of one name", manifestOf([...good, file("model.onnx", [1])]), "a file name stands twice"],
  ])("refuses %s", (_, manifest, problem) => {
    expect(problemsOf(manifest)).toContain(problem);
  });

  it.each([{ bytes: 0 }, { bytes: 262_145 }, { digest: "sha256:xyz" }, { digest: `SHA256:${"0".repeat(64)}` }])(
    "refuses a chunk with %o",
    (change) => {
      const chunk = { digest: digest("2"), bytes: 10, ...change };
      const one = { ...file("model.onnx", []), bytes: chunk.bytes, chunks: [chunk] };
      expect(bundleManifestSchema.safeParse(manifestOf([one, file("golden.safetensors", [5])])).success).toBe(false);
    },
  );

  it("lets no file name leave its folder", () => {
    for (const name of ["../model.onnx", "a/b", "a\\b", ".hidden", "", "..", "A.onnx", "a\0b", "x".repeat(129)]) {
      expect(bundleFileNameSchema.safeParse(name).success).toBe(false);
    }
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (name) => {
        if (bundleFileNameSchema.safeParse(name).success) expect(name).toMatch(/^[a-z0-9][a-z0-9._-]*$/);
      }),
    );
  });
});

describe("model manifest", () => {
  it("takes a complete one and fills in what may be left out", () => {
    expect(modelManifestSchema.parse(model).evaluation).toEqual([]);
  });

  it.each([
    ["a standard deviation of 0", { preprocessing: { ...model.preprocessing, standardDeviation: [0.2, 0, 0.2] } }],
    ["two channels", { preprocessing: { ...model.preprocessing, mean: [0.5, 0.5] } }],
    ["a dimension of 0", { inputs: [{ name: "input", dataType: "FP32", shape: [1, 0] }] }],
    ["an unknown tensor type", { inputs: [{ name: "input", dataType: "FLOAT", shape: [1] }] }],
    ["no labels", { labels: [] }],
    ["a version that is none", { version: "1.0" }],
    ["a name that is no path segment", { name: "../road-sign" }],
    ["an agreement above 1", { golden: { ...model.golden, minimumTopOneAgreement: 1.1 } }],
  ])("refuses %s", (_, change) => {
    expect(modelManifestSchema.safeParse({ ...model, ...change }).success).toBe(false);
  });
});
