import { createImageTensorWriter, softmax } from "@sartor/shared/domain/tensor";
import * as ort from "onnxruntime-node";
import sharp from "sharp";
import { afterEach, describe, expect, it } from "vitest";
import { buildTinyClassifier, randomPixels, type TinyModel } from "../support/tiny-model.js";
import { eventually, postImage, type ServingDevice, startServingDevice } from "./serving-device.js";

const pixels = randomPixels(32, 32, 9);
const first = buildTinyClassifier({ seed: 1, version: "1.0.0" });
const second = buildTinyClassifier({ seed: 2, version: "2.0.0" });

async function directly(model: TinyModel): Promise<number> {
  const writer = createImageTensorWriter(model.manifest.preprocessing);
  const values = new Float32Array(writer.length);
  writer.write(pixels, values);
  const session = await ort.InferenceSession.create(model.onnx, { intraOpNumThreads: 1 });
  const { logits } = await session.run({ image: new ort.Tensor("float32", values, [1, 3, 32, 32]) });
  return Math.max(...softmax(logits?.data as Float32Array));
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe("a swap of models", () => {
  let device: ServingDevice;
  afterEach(() => device.stop());

  it("under load loses no request, and every answer is whole: the old model's or the new one's", async () => {
    device = await startServingDevice();
    const want = new Map([
      ["1.0.0", await directly(first)],
      ["2.0.0", await directly(second)],
    ]);
    const png = await sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
      .png()
      .toBuffer();
    await device.serve(first);
    const replies: { status: number; version: string; probability: number }[] = [];
    let running = true;
    const client = async () => {
      while (running) {
        const { status, body } = await postImage(`${device.url}/v2/models/tiny/classify`, png);
        replies.push({ status, version: body.model_version, probability: body.class?.probability });
      }
    };
    const clients = Array.from({ length: 8 }, client);
    for (const model of [second, first, second]) {
      const before = replies.length;
      await device.serve(model);
      await eventually(() => replies.length > before + 50, "50 answers after a swap");
    }
    running = false;
    await Promise.all(clients);
    expect(replies.filter(({ status }) => status !== 200)).toEqual([]);
    for (const { version, probability } of replies) expect(probability).toBe(want.get(version));
    expect(new Set(replies.map(({ version }) => version))).toEqual(new Set(["1.0.0", "2.0.0"]));
    // What the old model took before the swap may be answered last: a request that is made now goes to the new one.
    expect((await postImage(`${device.url}/v2/models/tiny/classify`, png)).body.model_version).toBe("2.0.0");
    expect(device.host.state()).toMatchObject({ state: "ready", version: "2.0.0", restarts: 0 });
  });

  it("lets slow requests that the old model took end there, and ends its process afterwards", async () => {
    device = await startServingDevice();
    await device.serve(buildTinyClassifier({ seed: 1, version: "1.0.0", spinIterations: 600 }));
    const [oldPid] = device.host.pids();
    const png = await sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
      .png()
      .toBuffer();
    const staged = await device.stage(second);
    const slow = Array.from({ length: 5 }, () => postImage(`${device.url}/v2/models/tiny/classify`, png));
    await eventually(() => device.host.current()?.waiting === 5, "five requests are with the old model");
    await staged.promote();
    const quick = await postImage(`${device.url}/v2/models/tiny/classify`, png);
    expect(quick.body.model_version).toBe("2.0.0");
    expect((await Promise.all(slow)).map(({ body }) => body.model_version)).toEqual(Array(5).fill("1.0.0"));
    await eventually(() => !alive(oldPid ?? 0), "the old process is gone");
  });

  it("that is discarded leaves the serving model alone and no process behind", async () => {
    device = await startServingDevice();
    await device.serve(first);
    const staged = await device.stage(second);
    await staged.discard();
    expect(device.host.state()).toMatchObject({ state: "ready", version: "1.0.0" });
  });
});
