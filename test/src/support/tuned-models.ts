import { onnxTensors } from "@sartor/control-plane/deltas";
import { buildTinyClassifier, seededRandom, type TinyModel } from "./tiny-model.js";

/** Classes of the networks here: 16,000 weights in the last layer, 64 kB. */
const CLASSES = 2_000;

/** A network whose weights have nothing to do with those of another seed. */
export function drawn(version: string, seed = 1, classes = CLASSES): TinyModel {
  return buildTinyClassifier({ name: "tuned", version, seed, classes, goldenVectors: 1 });
}

/** The same network with every weight of its last layer moved in its last three bits: so little that its golden vectors still hold. */
export async function fineTuned(model: TinyModel, version: string, seed: number): Promise<TinyModel> {
  const onnx = model.onnx.slice();
  const read = async (offset: number, length: number) => onnx.subarray(offset, offset + length);
  const dense = (await onnxTensors({ length: onnx.length, read })).find(({ name }) => name === "dense");
  if (dense === undefined) throw new Error("the network has no last layer");
  const random = seededRandom(seed);
  for (let at = dense.offset; at < dense.offset + dense.length; at += 4) {
    onnx[at] = ((onnx[at] as number) & ~7) | Math.floor(random() * 8);
  }
  return { ...model, onnx, manifest: { ...model.manifest, version } };
}
