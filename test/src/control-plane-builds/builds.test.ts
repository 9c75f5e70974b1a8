import {
  type BundleManifest,
  type DatasetView,
  type ErrorReply,
  type ModelVersionView,
  type Page,
  type VariantBuildView,
  type VariantCard,
  variantBuildViewSchema,
  variantCardSchema,
} from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { digestOf, register } from "../support/registering.js";
import { waitFor } from "../support/wait-for.js";
import { digests, ended, order, VERSION, version, viewOf } from "./building.js";
import { addDataset, classifier, pictures, prepare } from "./samples.js";

let controlPlane: RunningControlPlane;
let datasets: { calibration: DatasetView; evaluation: DatasetView };
beforeAll(async () => {
  controlPlane = await startControlPlane();
  datasets = await prepare(controlPlane);
});
afterAll(() => controlPlane.stop());

const cardOf = async (name: string) =>
  (await rest<VariantCard & ErrorReply>(controlPlane, "GET", `${VERSION}/variants/${name}/card`)).body;

describe("a new version", () => {
  it("is offered in fp32 at once, folded, with its cost known and its accuracy not", async () => {
    const { macs, variants, digest } = await version(controlPlane);
    // Conv 3x3 of 3 channels to 8 over 16 x 16, then a matrix of 8 x 6.
    expect(macs).toBe(16 * 16 * 8 * 27 + 8 * 6);
    expect(variants).toMatchObject([{ name: "fp32", kind: "fp32", accuracy: null, floatLayers: 0 }]);
    const card = variantCardSchema.parse(await cardOf("fp32"));
    expect(card).toMatchObject({ accuracy: null, lineage: { model: digest }, network: { family: "convolution" } });
  });
});

describe("a build", () => {
  let build: VariantBuildView;
  const seen = { percents: [] as number[], offered: new Set<string>(), inUse: "" };

  it("makes what suits the network, says how far it is, and the server answers all the while", async () => {
    const ordered = await order(controlPlane);
    expect([ordered.status, ordered.body.status]).toEqual([202, "queued"]);
    expect(ordered.body.request).toMatchObject({
      calibration: datasets.calibration.datasetId,
      evaluation: datasets.evaluation.datasetId,
    });
    build = await ended(controlPlane, ordered.body.buildId, async (state) => {
      variantBuildViewSchema.parse(state);
      if (state.progress !== null) seen.percents.push(state.progress.percent);
      expect((await rest(controlPlane, "GET", "/api/v1/health/ready")).status).toBe(200);
      for (const { name, bundleId } of (await version(controlPlane)).variants) {
        seen.offered.add(name);
        expect(bundleId).toMatch(/^sha256:/);
        const made = state.variants.find((step) => step.name === name);
        // Offered before its step is seen to end is fine; a step that failed and is offered is not.
        expect(made?.status).not.toBe("failed");
      }
      const path = `/api/v1/models/tiny/datasets/${datasets.calibration.datasetId}`;
      if (seen.inUse === "" && state.status === "in_progress") {
        seen.inUse = (await rest<ErrorReply>(controlPlane, "DELETE", path)).body.error.code;
      }
    });
    expect(build).toMatchObject({ status: "succeeded", error: null, progress: null });
    expect(build.variants.map(({ name }) => name)).toContain("int8-u8s8");
    expect(build.variants.every(({ status }) => status === "succeeded")).toBe(true);
    expect(seen.percents.length).toBeGreaterThan(1);
    expect(seen.percents).toEqual(seen.percents.toSorted((a, b) => a - b));
    expect(seen.inUse).toBe("SRT_DATASET_IN_USE");
  });

  it("leaves every variant with a card whose numbers are measured, and with a bundle of its own", async () => {
    const { variants } = await version(controlPlane);
    expect(variants.map(({ name }) => name).sort()).toEqual(["fp32", ...build.variants.map(({ name }) => name)].sort());
    expect(new Set(variants.map(({ bundleId }) => bundleId)).size).toBe(variants.length);
    for (const { name, kind, bytes, accuracy } of variants) {
      const card = variantCardSchema.parse(await cardOf(name));
      expect(card).toMatchObject({ name, kind, cost: { bytes } });
      expect(card.accuracy).toMatchObject({
        accuracy,
        dataset: { datasetId: datasets.evaluation.datasetId, samples: 120 },
      });
    }
    // The labels are what float64 says, so fp32 is right nearly always.
    expect((await cardOf("fp32")).accuracy?.accuracy).toBeGreaterThan(0.97);
  });

  it("gives devices the variant's own golden vectors and tolerance", async () => {
    const device = await ScriptedDevice.enrol(controlPlane);
    const { variants } = await version(controlPlane);
    const manifests: Record<string, BundleManifest> = {};
    for (const { name, bundleId, digest } of variants.filter(({ name }) => ["fp32", "int8-u8s8"].includes(name))) {
      const { manifest, files } = await device.download(bundleId);
      manifests[name] = manifest;
      expect(digestOf(files.get(manifest.entry.model) ?? new Uint8Array())).toBe(digest);
      expect(manifest.variant.name).toBe(name);
    }
    const golden = (name: string) => manifests[name]?.files.find((file) => file.name === "golden.safetensors")?.digest;
    expect(golden("int8-u8s8")).not.toBe(golden("fp32"));
  });

  it("asked for again makes nothing anew: the same samples and policy give the same variants", async () => {
    const before = await version(controlPlane);
    const again = await ended(controlPlane, (await order(controlPlane)).body.buildId);
    expect(again.status).toBe("succeeded");
    expect(again.variants).toEqual(build.variants);
    expect(await version(controlPlane)).toEqual(before);
  });

  it("with other samples replaces what is offered; the bundle of before stays for devices that run it", async () => {
    const old = (await version(controlPlane)).variants.find(({ name }) => name === "int8-u8s8");
    const { body: better } = await addDataset(controlPlane, "better", "calibration", pictures(64, 9));
    const request = { variants: ["int8-u8s8" as const], calibration: better.datasetId };
    const rebuilt = await ended(controlPlane, (await order(controlPlane, request)).body.buildId);
    expect(rebuilt.status).toBe("succeeded");
    const offered = (await version(controlPlane)).variants.filter(({ name }) => name === "int8-u8s8");
    expect(offered).toHaveLength(1);
    expect(offered[0]?.variantId).toBe(rebuilt.variants[0]?.variantId);
    expect(offered[0]?.variantId).not.toBe(old?.variantId);
    expect((await cardOf("int8-u8s8")).calibration?.dataset.datasetId).toBe(better.datasetId);
    const device = await ScriptedDevice.enrol(controlPlane);
    expect((await device.download(old?.bundleId ?? "")).manifest.variant.name).toBe("int8-u8s8");
    // And back again: content that was there before is the variant that it was.
    const back = { ...request, calibration: datasets.calibration.datasetId };
    const { variants } = await ended(controlPlane, (await order(controlPlane, back)).body.buildId);
    expect(variants[0]?.variantId).toBe(old?.variantId);
  });

  it("without samples to judge by keeps the accuracy that was measured of the very same content", async () => {
    const before = (await cardOf("fp16")).accuracy;
    expect(before?.dataset.datasetId).toBe(datasets.evaluation.datasetId);
    const { body } = await order(controlPlane, { variants: ["fp16"], evaluation: null });
    expect((await ended(controlPlane, body.buildId)).status).toBe("succeeded");
    expect((await cardOf("fp16")).accuracy).toEqual(before);
  });

  it("whose variants cannot hold the policy offers none of them, says why, and has succeeded", async () => {
    const accuracy = { minimumDecibels: 199, maximumFloatLayers: 0 };
    const before = await version(controlPlane);
    const { body } = await order(controlPlane, { variants: ["int8-u8s8"], evaluation: null, accuracy });
    const judged = await ended(controlPlane, body.buildId);
    expect(judged.variants).toMatchObject([
      { status: "failed", variantId: null, error: { code: "SRT_QUANTIZE_INACCURATE" } },
    ]);
    expect(judged).toMatchObject({ status: "succeeded", error: null });
    expect(await version(controlPlane)).toEqual(before);
  });

  it("is listed, newest first, page by page", async () => {
    const all = (await rest<Page<VariantBuildView>>(controlPlane, "GET", `${VERSION}/builds`)).body;
    expect(all.items.at(-1)).toEqual(build);
    const first = (await rest<Page<VariantBuildView>>(controlPlane, "GET", `${VERSION}/builds?limit=1`)).body;
    expect(first.items).toEqual(all.items.slice(0, 1));
    const next = await rest<Page<VariantBuildView>>(
      controlPlane,
      "GET",
      `${VERSION}/builds?limit=200&cursor=${first.nextCursor}`,
    );
    expect(next.body.items).toEqual(all.items.slice(1));
  });

  it("that was canceled ends at once, and its datasets are free", async () => {
    const request = { variants: ["fp16" as const, "int8-s8s8" as const], equalise: false };
    const { buildId } = (await order(controlPlane, request)).body;
    await waitFor("the build to begin", async () => (await viewOf(controlPlane, buildId)).status === "in_progress");
    const canceled = await rest<VariantBuildView>(controlPlane, "POST", `/api/v1/builds/${buildId}/cancel`);
    expect([canceled.status, canceled.body.status, canceled.body.progress]).toEqual([200, "canceled", null]);
    expect(canceled.body.variants.every(({ status }) => ["canceled", "succeeded"].includes(status))).toBe(true);
    const again = await rest<ErrorReply>(controlPlane, "POST", `/api/v1/builds/${buildId}/cancel`);
    expect([again.status, again.body.error.code]).toEqual([409, "SRT_CONFLICT"]);
    const path = `/api/v1/models/tiny/datasets/${datasets.evaluation.datasetId}`;
    expect((await rest(controlPlane, "DELETE", path)).status).toBe(204);
  });
});

describe("a build that makes no sense", () => {
  const unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  it.each<[string, number, string, string, unknown]>([
    ["an unknown version", 404, "SRT_MODEL_UNKNOWN", "/api/v1/models/tiny/versions/9.9.9/builds", {}],
    ["an unknown model", 404, "SRT_MODEL_UNKNOWN", "/api/v1/models/nobody/versions/1.0.0/builds", {}],
    ["an unknown dataset", 404, "SRT_DATASET_UNKNOWN", `${VERSION}/builds`, { calibration: unknown }],
    ["an unknown variant", 400, "SRT_INVALID_REQUEST", `${VERSION}/builds`, { variants: ["int2"] }],
    ["no variant", 400, "SRT_INVALID_REQUEST", `${VERSION}/builds`, { variants: [] }],
    ["too much pruning", 400, "SRT_INVALID_REQUEST", `${VERSION}/builds`, { pruning: { share: 0.9 } }],
  ])("is refused: %s", async (_, status, code, path, request) => {
    const reply = await rest<ErrorReply>(controlPlane, "POST", path, request);
    expect([reply.status, reply.body.error.code]).toEqual([status, code]);
  });

  it("is refused: samples of the other purpose", async () => {
    const { status, body } = await order(controlPlane, { evaluation: datasets.calibration.datasetId });
    expect([status, body.error.code]).toEqual([422, "SRT_DATASET_INVALID"]);
  });

  it("is unknown when nobody ordered it, and so is the card of a variant that nobody made", async () => {
    for (const [method, path] of [
      ["GET", ""],
      ["POST", "/cancel"],
    ] as const) {
      const reply = await rest<ErrorReply>(controlPlane, method, `/api/v1/builds/${unknown}${path}`);
      expect([reply.status, reply.body.error.code]).toEqual([404, "SRT_BUILD_UNKNOWN"]);
    }
    expect((await cardOf("int4-weight-only")).error.code).toBe("SRT_VARIANT_UNKNOWN");
  });

  it("needs samples for what is calibrated: without, each such variant says so and nothing is offered", async () => {
    const { body } = await order(controlPlane, { variants: ["int8-s8s8-symmetric"], calibration: null });
    const build = await ended(controlPlane, body.buildId);
    expect(build).toMatchObject({ status: "failed", error: { code: "SRT_CALIBRATION_EMPTY" } });
    expect(Object.keys(await digests(controlPlane))).not.toContain("int8-s8s8-symmetric");
  });
});

describe("builds that nobody waits for", () => {
  it("are turned away when too many wait", async () => {
    const waiting: string[] = [];
    for (let index = 1; index <= 200; index++) {
      const { status, body } = await order(controlPlane, {
        variants: ["fp16"],
        accuracy: { maximumLoss: index / 1_000 },
      });
      if (status === 202) waiting.push(body.buildId);
      else {
        expect([status, body.error.code]).toEqual([429, "SRT_RATE_LIMITED"]);
        break;
      }
    }
    expect(waiting.length).toBeGreaterThan(32);
    expect(waiting.length).toBeLessThan(200);
    for (const buildId of waiting.toReversed()) await rest(controlPlane, "POST", `/api/v1/builds/${buildId}/cancel`);
  });

  it("are ordered by themselves for the next version of a model that has samples", async () => {
    const next = classifier({ seed: 2, version: "1.1.0" });
    const { status, body } = await register(controlPlane, next);
    expect([status, (body as ModelVersionView).variants.map(({ name }) => name)]).toEqual([201, ["fp32"]]);
    const path = "/api/v1/models/tiny/versions/1.1.0/builds";
    const { items } = (await rest<Page<VariantBuildView>>(controlPlane, "GET", path)).body;
    expect(items).toHaveLength(1);
    expect(["queued", "in_progress"]).toContain(items[0]?.status);
    await rest(controlPlane, "POST", `/api/v1/builds/${items[0]?.buildId}/cancel`);
  });
});
