import { createImageTensorWriter, softmax } from "@sartor/shared/domain/tensor";
import * as ort from "onnxruntime-node";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTinyClassifier, randomPixels } from "../support/tiny-model.js";
import { postImage, type ServingDevice, startServingDevice } from "./serving-device.js";

const model = buildTinyClassifier({ seed: 7, classes: 12 });
const raw = { raw: { width: 32, height: 32, channels: 3 as const } };
const pngOf = (pixels: Uint8Array) => sharp(pixels, raw).png().toBuffer();

describe("an image sent to the device", () => {
  let device: ServingDevice;
  let session: ort.InferenceSession;
  let classify: (image: Uint8Array, type?: string) => ReturnType<typeof postImage>;

  /** The model run directly in this process, beside everything under test. */
  async function probabilitiesOf(pixels: Uint8Array): Promise<Float64Array> {
    const writer = createImageTensorWriter(model.manifest.preprocessing);
    const values = new Float32Array(writer.length);
    writer.write(pixels, values);
    const { logits } = await session.run({ image: new ort.Tensor("float32", values, [1, 3, 32, 32]) });
    return softmax(logits?.data as Float32Array);
  }

  beforeAll(async () => {
    device = await startServingDevice();
    await device.serve(model);
    classify = (image, type) => postImage(`${device.url}/v2/models/tiny/classify`, image, type);
    session = await ort.InferenceSession.create(model.onnx, { intraOpNumThreads: 1 });
  });
  afterAll(() => device.stop());

  it("gives exactly the probabilities of the model run directly on its pixels", async () => {
    for (let seed = 0; seed < 50; seed++) {
      const pixels = randomPixels(32, 32, seed);
      const want = await probabilitiesOf(pixels);
      const { status, body } = await classify(await pngOf(pixels));
      expect(status).toBe(200);
      for (const { index, probability } of body.top) expect(probability).toBe(want[index]);
      expect(body.class).toEqual(body.top[0]);
      expect(body.class.probability).toBe(Math.max(...want));
      expect(body.class.label).toBe(`class ${body.class.index}`);
    }
  });

  it("gets an answer that names model, five classes, entropy and times", async () => {
    const { body } = await classify(await pngOf(randomPixels(32, 32, 1)));
    expect(body).toMatchObject({ model_name: "tiny", model_version: "1.0.0" });
    expect(body.top).toHaveLength(5);
    expect(body.entropy).toBeGreaterThanOrEqual(0);
    expect(body.timing.total_ms).toBeGreaterThan(body.timing.run_ms);
  });

  it("counts for telemetry, and so does a failure, by its code", async () => {
    device.observations.length = 0;
    const { body } = await classify(await pngOf(randomPixels(32, 32, 3)));
    await classify(new Uint8Array([1, 2, 3]));
    const serving = {
      model: "tiny",
      version: body.model_version,
      variant: expect.any(String),
      bundleId: expect.stringMatching(/^sha256:/),
    };
    expect(device.observations).toEqual([
      {
        latencyMs: expect.any(Number),
        runMs: body.timing.run_ms,
        classIndex: body.class.index,
        topProbability: body.class.probability,
        entropy: body.entropy,
        serving,
      },
      { latencyMs: expect.any(Number), errorCode: "SRT_IMAGE_INVALID", serving },
    ]);
  });

  it("may be a JPEG, and is classified by the pixels that decoding gives", async () => {
    const jpeg = await sharp(randomPixels(32, 32, 5), raw)
      .jpeg({ quality: 90 })
      .toBuffer();
    const want = await probabilitiesOf(await sharp(jpeg).raw().toBuffer());
    const { body } = await classify(jpeg, "image/jpeg");
    expect(body.class.probability).toBe(Math.max(...want));
  });

  it.each([
    [
      "grey",
      () =>
        sharp(randomPixels(32, 32, 5), raw)
          .greyscale()
          .png()
          .toBuffer(),
    ],
    [
      "16 bits deep",
      () =>
        sharp(randomPixels(32, 32, 5), raw)
          .toColourspace("rgb16")
          .png()
          .toBuffer(),
    ],
    [
      "with a palette",
      () =>
        sharp(randomPixels(32, 32, 5), raw)
          .png({ palette: true })
          .toBuffer(),
    ],
    [
      "transparent",
      () =>
        sharp(randomPixels(32, 32, 5), raw)
          .ensureAlpha(0.5)
          .png()
          .toBuffer(),
    ],
    [
      "larger",
      () =>
        sharp(randomPixels(64, 48, 5), { raw: { width: 64, height: 48, channels: 3 } })
          .png()
          .toBuffer(),
    ],
    [
      "one pixel",
      () =>
        sharp({ create: { width: 1, height: 1, channels: 3, background: "red" } })
          .png()
          .toBuffer(),
    ],
    ["of no declared type", async () => pngOf(randomPixels(32, 32, 5)), "application/octet-stream"],
  ])("may be %s", async (_, make, type = "image/png") => {
    const { status, body } = await classify(await make(), type);
    expect({ status, error: body.error }).toEqual({ status: 200, error: undefined });
  });

  it("of one plain colour stays that colour when it is resized", async () => {
    const background = { r: 200, g: 30, b: 90 };
    const small = await sharp({ create: { width: 32, height: 32, channels: 3, background } })
      .png()
      .toBuffer();
    const large = await sharp({ create: { width: 300, height: 200, channels: 3, background } })
      .png()
      .toBuffer();
    expect((await classify(large)).body.top).toEqual((await classify(small)).body.top);
  });

  /** A PNG header that promises 60,000 x 60,000 pixels. */
  async function bomb(): Promise<Buffer> {
    const png = await pngOf(randomPixels(32, 32, 1));
    png.writeUInt32BE(60_000, 16);
    png.writeUInt32BE(60_000, 20);
    return png;
  }

  it.each([
    ["text", 400, "SRT_IMAGE_INVALID", async () => Buffer.from("no image at all"), "image/png"],
    [
      "a GIF",
      400,
      "SRT_IMAGE_INVALID",
      () =>
        sharp(randomPixels(32, 32, 1), raw)
          .gif()
          .toBuffer(),
      "image/png",
    ],
    ["nothing", 400, "SRT_IMAGE_INVALID", async () => Buffer.alloc(0), "image/png"],
    [
      "a torn PNG",
      400,
      "SRT_IMAGE_INVALID",
      async () => (await pngOf(randomPixels(32, 32, 1))).subarray(0, 900),
      "image/png",
    ],
    [
      "a torn JPEG",
      400,
      "SRT_IMAGE_INVALID",
      async () =>
        (
          await sharp(randomPixels(32, 32, 1), raw)
            .jpeg()
            .toBuffer()
        ).subarray(0, 500),
      "image/jpeg",
    ],
    ["a decompression bomb", 413, "SRT_IMAGE_TOO_LARGE", bomb, "image/png"],
    ["an SVG by its type", 415, "SRT_UNSUPPORTED_MEDIA_TYPE", async () => Buffer.from("<svg/>"), "image/svg+xml"],
  ])("is refused when it is %s", async (_, status, code, make, type) => {
    const reply = await classify(await make(), type);
    expect(reply).toEqual({ status, body: expect.objectContaining({ code, error: expect.stringMatching(/\.$/) }) });
  });

  it("is refused with its own code when it has too many pixels", async () => {
    const create = { width: 8192, height: 8192, channels: 3 as const, background: "blue" };
    const reply = await classify(await sharp({ create }).png().toBuffer());
    expect(reply).toMatchObject({ status: 413, body: { code: "SRT_IMAGE_TOO_LARGE" } });
  });
});
