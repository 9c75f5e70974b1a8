import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readGoldenVectors, writeGoldenVectors } from "@sartor/shared/domain/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTinyClassifier, type TinyModel, writeSlot } from "../support/tiny-model.js";
import { getJson, type ServingDevice, startServingDevice } from "./serving-device.js";

const good = buildTinyClassifier({ classes: 4, width: 8, height: 8 });
const withManifest = (changes: Partial<TinyModel["manifest"]>): TinyModel => ({
  ...good,
  manifest: { ...good.manifest, ...changes },
});

describe("a bundle that cannot serve", () => {
  let device: ServingDevice;
  beforeAll(async () => {
    device = await startServingDevice();
    await device.serve(good);
  });
  afterAll(() => device.stop());

  it.each([
    [
      "a file that is no ONNX model",
      { ...good, onnx: new TextEncoder().encode("a letter, not a model") },
      "SRT_MODEL_NOT_ONNX",
    ],
    ["an empty model file", { ...good, onnx: new Uint8Array() }, "SRT_MODEL_NOT_ONNX"],
    ["golden vectors that are no safetensors", { ...good, golden: new Uint8Array(40) }, "SRT_GOLDEN_INVALID"],
    ["a label too many", withManifest({ labels: [...good.manifest.labels, "one more"] }), "SRT_MODEL_LABELS_MISMATCH"],
    [
      "pre-processing of another size",
      withManifest({ preprocessing: { ...good.manifest.preprocessing, width: 16 } }),
      "SRT_MODEL_SHAPE_MISMATCH",
    ],
  ])("because of %s is refused by its code, and the old one keeps serving", async (_, model, code) => {
    await expect(device.stage(model)).rejects.toMatchObject({ code });
    expect((await getJson(`${device.url}/v2/health/ready`)).status).toBe(200);
    expect(device.host.state()).toMatchObject({ state: "ready", restarts: 0 });
  });

  it("because its manifest names another input is refused", async () => {
    const inputs = [{ name: "picture", dataType: "FP32" as const, shape: [-1, 3, 8, 8] }];
    const vectors = readGoldenVectors(good.golden, good.manifest);
    const golden = writeGoldenVectors({
      ...vectors,
      inputs: vectors.inputs.map((tensor) => ({ ...tensor, name: "picture" })),
    });
    // The probing run meets the unknown name first; whichever check comes first, the bundle is refused.
    await expect(device.stage({ ...withManifest({ inputs }), golden })).rejects.toThrow(/picture|image/);
  });

  it.each([["cuda"], ["no-such-provider"]])(
    "because it wants %s is refused, not run on the CPU instead",
    async (provider) => {
      await expect(device.stage(good, { executionProviders: [provider, "cpu"] })).rejects.toMatchObject({
        code: "SRT_PROVIDER_UNAVAILABLE",
      });
    },
  );

  it.each([["triton"], ["openvino-model-server"]] as const)(
    "because it wants the runtime %s, which this agent does not have, is refused with a sentence",
    async (adapter) => {
      await expect(device.stage(good, { adapter })).rejects.toMatchObject({
        code: "SRT_PROVIDER_UNAVAILABLE",
        message: `This agent has no adapter ${adapter}; it has onnxruntime-node.`,
      });
    },
  );

  it("because it does not reproduce its golden vectors does not pass its probe", async () => {
    const vectors = readGoldenVectors(good.golden, good.manifest);
    const [logits] = vectors.outputs;
    const changed = new Float32Array(new Uint8Array(logits?.data ?? []).buffer);
    changed[2] = (changed[2] ?? 0) + 0.5;
    const outputs = vectors.outputs.map((tensor) => ({ ...tensor, data: new Uint8Array(changed.buffer) }));
    const staged = await device.stage({ ...good, golden: writeGoldenVectors({ ...vectors, outputs }) });
    const report = await staged.probe();
    await staged.discard();
    expect(report.passed).toBe(false);
    expect(report.largestAbsoluteError).toBeCloseTo(0.5, 3);
  });
});

describe("a good bundle", () => {
  it("passes its probe and says on which provider the graph really ran", async () => {
    const device = await startServingDevice();
    try {
      const staged = await device.stage(good);
      expect(await staged.probe()).toEqual({
        passed: true,
        goldenVectors: 8,
        largestAbsoluteError: expect.any(Number),
        topOneAgreement: 1,
        medianLatencyMs: expect.any(Number),
        executionProviders: ["CPUExecutionProvider"],
      });
      await staged.discard();
    } finally {
      await device.stop();
    }
  });

  it("is held to its variant's tolerance, not to the model's: another precision rounds otherwise", async () => {
    const device = await startServingDevice();
    try {
      const vectors = readGoldenVectors(good.golden, good.manifest);
      const changed = new Float32Array(new Uint8Array(vectors.outputs[0]?.data ?? []).buffer);
      changed[2] = (changed[2] ?? 0) + 0.05;
      const outputs = vectors.outputs.map((tensor) => ({ ...tensor, data: new Uint8Array(changed.buffer) }));
      const folder = await mkdtemp(join(tmpdir(), "sartor-tolerance-"));
      const passes = async (absoluteTolerance: number) => {
        const golden = { absoluteTolerance, relativeTolerance: 0, minimumTopOneAgreement: 0 };
        const model = { ...good, golden: writeGoldenVectors({ ...vectors, outputs }) };
        const bundle = await writeSlot(folder, model, {}, { golden });
        const staged = await device.host.stage({ ...bundle, folder, runtime: bundle.manifest.runtime });
        const { passed } = await staged.probe();
        await staged.discard();
        return passed;
      };
      expect(await passes(0.06)).toBe(true);
      expect(await passes(0.04)).toBe(false);
      await rm(folder, { recursive: true });
    } finally {
      await device.stop();
    }
  });

  it("runs with the settings that the device was told instead of its own, options of the provider too, and reports them", async () => {
    const device = await startServingDevice();
    const folder = await mkdtemp(join(tmpdir(), "sartor-settings-"));
    try {
      const bundle = await writeSlot(folder, good);
      const runtime = { ...bundle.manifest.runtime, intraOpThreads: 2, providerOptions: { useArena: "1" } };
      const staged = await device.host.stage({ ...bundle, folder, runtime });
      expect((await staged.probe()).passed).toBe(true);
      await staged.promote();
      expect(device.host.state()).toMatchObject({ state: "ready", bundleId: bundle.bundleId, intraOpThreads: 2 });
    } finally {
      await device.stop();
      await rm(folder, { recursive: true });
    }
  });
});
