import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ModelManifest, modelManifestSchema } from "@sartor/shared/protocol";
import * as ort from "onnxruntime-node";

/**
 * The model without Sartor: manifest, pre-processing written out here once more on purpose, ONNX Runtime. The reference that the
 * deployed device is held against.
 *
 * @returns a function from width x height RGB bytes to the class index
 */
export async function directClassifier(folder: string): Promise<(rgb: Uint8Array) => Promise<number>> {
  const manifest: ModelManifest = modelManifestSchema.parse(
    JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")),
  );
  const session = await ort.InferenceSession.create(join(folder, `${manifest.name}.onnx`), { intraOpNumThreads: 1 });
  const { width, height, mean, standardDeviation } = manifest.preprocessing;
  const input = manifest.inputs[0]?.name ?? "";
  const output = manifest.outputs[0]?.name ?? "";
  return async (rgb) => {
    const pixels = width * height;
    const data = new Float32Array(3 * pixels);
    for (let channel = 0; channel < 3; channel += 1) {
      for (let pixel = 0; pixel < pixels; pixel += 1) {
        const value = (rgb[pixel * 3 + channel] ?? 0) / 255;
        data[channel * pixels + pixel] = (value - (mean[channel] ?? 0)) / (standardDeviation[channel] ?? 1);
      }
    }
    const results = await session.run({ [input]: new ort.Tensor("float32", data, [1, 3, height, width]) });
    const logits = results[output]?.data as Float32Array;
    return logits.indexOf(Math.max(...logits));
  };
}
