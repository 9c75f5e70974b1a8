import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { startFleet } from "../support/fleet.js";
import { ROAD_SIGN_FOLDER, roadSignModel } from "../support/road-sign-model.js";
import { quantile } from "./table.js";

const WARM_UP = 100;
const REQUESTS = 1_000;
const PIXELS = 32 * 32;

/** Times the cases in turns, so that a slow moment of the machine hits all of them. */
async function interleave(cases: Readonly<Record<string, () => Promise<unknown>>>): Promise<Map<string, number[]>> {
  const times = new Map(Object.keys(cases).map((name) => [name, [] as number[]]));
  for (let round = 0; round < WARM_UP + REQUESTS; round += 1) {
    for (const [name, run] of Object.entries(cases)) {
      const start = performance.now();
      await run();
      if (round >= WARM_UP) times.get(name)?.push(performance.now() - start);
    }
  }
  return times;
}

/** The device's endpoint against ONNX Runtime called directly in this process with the same model and one thread. */
export async function benchInference(): Promise<string[][]> {
  const model = roadSignModel();
  const session = await ort.InferenceSession.create(join(ROAD_SIGN_FOLDER, "road-sign.onnx"), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  const data = Float32Array.from({ length: 3 * PIXELS }, (_, index) => Math.sin(index));
  const tensor = new ort.Tensor("float32", data, [1, 3, 32, 32]);
  const fleet = await startFleet();
  try {
    await fleet.register(model);
    await fleet.rollOut("road-sign", model.manifest.version);
    const endpoint = await fleet.serving(model.manifest.version);
    const png = model.image;
    const input = { name: "image", datatype: "FP32", shape: [1, 3, 32, 32] };
    const json = JSON.stringify({ inputs: [{ ...input, data: [...data] }] });
    const header = JSON.stringify({
      inputs: [{ ...input, parameters: { binary_data_size: data.byteLength } }],
      parameters: { binary_data_output: true },
    });
    const binary = Buffer.concat([Buffer.from(header), Buffer.from(data.buffer)]);
    const post = async (path: string, body: string | Buffer, headers: Record<string, string>) => {
      const reply = await fetch(`${endpoint}/v2/models/road-sign/${path}`, { method: "POST", headers, body });
      await reply.arrayBuffer();
      if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
    };
    const times = await interleave({
      "ONNX Runtime directly, tensor in memory": () => session.run({ image: tensor }),
      "device, infer, binary tensors": () =>
        post("infer", binary, {
          "content-type": "application/octet-stream",
          "inference-header-content-length": String(Buffer.byteLength(header)),
        }),
      "device, infer, JSON": () => post("infer", json, { "content-type": "application/json" }),
      "device, classify, PNG of 32 x 32": () => post("classify", png, { "content-type": "image/png" }),
    });
    const base = quantile([...times.values()][0] ?? [], 0.5);
    return [...times].map(([name, values]) => {
      const p50 = quantile(values, 0.5);
      return [
        name,
        p50.toFixed(3),
        quantile(values, 0.95).toFixed(3),
        "ONNX Runtime directly",
        (p50 / base).toFixed(2),
      ];
    });
  } finally {
    await fleet.stop();
  }
}
