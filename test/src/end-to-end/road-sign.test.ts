import { existsSync } from "node:fs";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { directClassifier } from "../support/direct-classifier.js";
import { type Fleet, startFleet } from "../support/fleet.js";
import { loadTestEven, TEST_EVEN_FOLDER } from "../support/gtsrb.js";
import { ROAD_SIGN_FOLDER, roadSignModel } from "../support/road-sign-model.js";
import { waitFor } from "../support/wait-for.js";

/** How many images of test-even go through the device. */
const IMAGES = 1_000;
const PARALLEL = 4;

interface Answer {
  readonly model_version: string;
  readonly class: { readonly index: number; readonly label: string; readonly probability: number };
}

async function classify(endpoint: string, image: Uint8Array, type: string): Promise<Answer> {
  const response = await fetch(`${endpoint}/v2/models/road-sign/classify`, {
    method: "POST",
    headers: { "content-type": type },
    body: image,
  });
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as Answer;
}

describe("the road-sign model on a device", () => {
  let fleet: Fleet;
  let endpoint: string;
  beforeAll(async () => {
    fleet = await startFleet();
    const model = roadSignModel();
    await fleet.register(model);
    await fleet.rollOut("road-sign", model.manifest.version);
    endpoint = await fleet.serving(model.manifest.version);
  }, 120_000);
  afterAll(() => fleet?.stop());

  it("was proved on the device before it counted as deployed", async () => {
    const { reported } = await fleet.device();
    expect(reported?.deployment).toMatchObject({ status: "succeeded", step: "done" });
    expect(reported?.deployment?.probe).toMatchObject({ topOneAgreement: 1 });
    expect(reported?.deployment?.probe?.executionProviders.join()).toMatch(/cpu/i);
  });

  it("sends telemetry of what it classified", async () => {
    const image = await sharp({ create: { width: 48, height: 48, channels: 3, background: "#888" } })
      .png()
      .toBuffer();
    await classify(endpoint, image, "image/png");
    await waitFor("the request in the telemetry", async () => {
      const { points, classCounts } = await fleet.telemetry();
      return (
        points.some((point) => point.requests > 0 && point.latencyMs !== null) && Object.keys(classCounts).length > 0
      );
    });
  });

  const hasData = existsSync(TEST_EVEN_FOLDER);
  if (!hasData)
    console.warn(`LEFT OUT: accuracy through the device, because the road-sign data set is not beside the checkout`);
  it.skipIf(!hasData)(
    `gives the same class as the model run directly, on ${IMAGES} real signs`,
    async () => {
      const images = loadTestEven(IMAGES);
      const direct = await directClassifier(ROAD_SIGN_FOLDER);
      let agree = 0;
      let correctOnDevice = 0;
      let correctDirect = 0;
      const next = images[Symbol.iterator]();
      const work = async () => {
        for (const { rgb, classId } of { [Symbol.iterator]: () => next }) {
          const png = await sharp(rgb, { raw: { width: 32, height: 32, channels: 3 } })
            .png()
            .toBuffer();
          const onDevice = (await classify(endpoint, png, "image/png")).class.index;
          const expected = await direct(rgb);
          agree += Number(onDevice === expected);
          correctOnDevice += Number(onDevice === classId);
          correctDirect += Number(expected === classId);
        }
      };
      await Promise.all(Array.from({ length: PARALLEL }, work));
      expect(agree).toBe(IMAGES);
      expect(correctOnDevice).toBe(correctDirect);
      expect(correctOnDevice / IMAGES).toBeGreaterThan(0.985);
    },
    120_000,
  );
});
