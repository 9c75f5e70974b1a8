import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_VERIFY_LIMITS, type VerifyLimits, verifyModel } from "@sartor/onnx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTinyClassifier, type TinyModel } from "../support/tiny-model.js";

describe("verifying a model in a process of its own", () => {
  let folder: string;
  const tiny = buildTinyClassifier({ goldenVectors: 4 });
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sartor-verify-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function verify(model: TinyModel, limits: VerifyLimits = DEFAULT_VERIFY_LIMITS, signal?: AbortSignal) {
    const modelPath = join(folder, "model.onnx");
    const goldenPath = join(folder, "golden.safetensors");
    await writeFile(modelPath, model.onnx);
    await writeFile(goldenPath, model.golden);
    return verifyModel({ modelPath, goldenPath, manifest: model.manifest }, limits, signal);
  }

  it("tells what the model is and how close it comes to its golden vectors", async () => {
    const { info, golden } = await verify(tiny);
    expect(info).toMatchObject({ opsets: { "ai.onnx": 17 }, operators: { Conv: 1, Gemm: 1 }, externalTensors: [] });
    expect(info.parameters).toBe(8 * 3 * 9 + 8 + 10 * 8 + 10);
    expect(golden).toMatchObject({ vectors: 4, topOneAgreement: 1 });
    expect(golden.largestAbsoluteError).toBeGreaterThan(0);
    expect(golden.largestAbsoluteError).toBeLessThan(1e-4);
  });

  it("refuses golden vectors of another model", async () => {
    const other = buildTinyClassifier({ goldenVectors: 4, seed: 2 });
    await expect(verify({ ...tiny, golden: other.golden })).rejects.toMatchObject({ code: "SRT_GOLDEN_MISMATCH" });
  });

  it("refuses what ONNX Runtime refuses, with its reason", async () => {
    // The node's name comes first, its operator last.
    const text = Buffer.from(tiny.onnx);
    const at = text.lastIndexOf("GlobalAveragePool");
    text.write("GlobalAveragePoox", at);
    const attempt = verify({ ...tiny, onnx: text });
    await expect(attempt).rejects.toMatchObject({ code: "SRT_MODEL_UNSUPPORTED" });
    await expect(attempt).rejects.toThrow("GlobalAveragePoox");
  });

  it("ends a model that takes too long", async () => {
    const slow = buildTinyClassifier({ goldenVectors: 4, spinIterations: 1_000_000 });
    await expect(verify(slow, { ...DEFAULT_VERIFY_LIMITS, timeMs: 1_500 })).rejects.toMatchObject({
      code: "SRT_MODEL_UNSUPPORTED",
      message: "The model was not verified within 1.5 s.",
    });
  });

  it("ends a model that takes too much memory", async () => {
    const slow = buildTinyClassifier({ goldenVectors: 4, spinIterations: 1_000_000 });
    const attempt = verify(slow, { ...DEFAULT_VERIFY_LIMITS, memoryBytes: 20 * 1024 ** 2 });
    await expect(attempt).rejects.toThrow("more than 20 MiB");
  });

  it("can be called off", async () => {
    const slow = buildTinyClassifier({ goldenVectors: 4, spinIterations: 1_000_000 });
    const controller = new AbortController();
    const attempt = verify(slow, DEFAULT_VERIFY_LIMITS, controller.signal);
    setTimeout(() => controller.abort(new Error("stopping")), 300);
    await expect(attempt).rejects.toThrow("stopping");
  });
});
