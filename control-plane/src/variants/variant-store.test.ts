import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Logger } from "@nestjs/common";
import type { MadeVariant } from "@sartor/onnx";
import type { VariantCard } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SystemIds } from "../config/index.js";
import { EventBus } from "../events/index.js";
import type { BlobTables, ModelsService } from "../models/index.js";
import { CPU_RUNTIME, StoredVersion } from "../testing/stored-version.js";
import { VariantStore } from "./variant-store.service.js";
import { explainOfferConflict, VariantsRepository } from "./variants.repository.js";
import type { VariantTables } from "./variants.tables.js";

Logger.overrideLogger(false);

let version: StoredVersion;
let events: EventBus;
let repository: VariantsRepository;
let store: VariantStore;
const told: string[] = [];

beforeEach(async () => {
  told.length = 0;
  version = await StoredVersion.open();
  const { blobs, clock, database } = version;
  events = new EventBus();
  events.on("variants.reference_outdated", ({ versionId }) => void told.push(versionId));
  repository = new VariantsRepository(database);
  const models = { setMacs: async () => undefined } as unknown as ModelsService;
  store = new VariantStore(repository, blobs, models, events, clock, new SystemIds(clock));
});
afterEach(() => version.close());

async function made(text: string, name: MadeVariant["name"] = "fp32"): Promise<MadeVariant> {
  const [modelPath, goldenPath] = [join(version.folder, "m"), join(version.folder, "g")];
  await writeFile(modelPath, text);
  await writeFile(goldenPath, `golden of ${text}`);
  return {
    name,
    kind: "fp32",
    modelPath,
    goldenPath,
    golden: { absoluteTolerance: 1 } as never,
    runtime: CPU_RUNTIME,
    card: cardOf(""),
  };
}

/** A card as a build sends it, of a file with this digest. */
function cardOf(folded: string): VariantCard {
  return {
    schemaVersion: 1,
    name: "fp32",
    kind: "fp32",
    accuracy: null,
    signal: null,
    cost: { bytes: 1, weights: 1, macs: 1 },
    calibration: null,
    floatLayers: [],
    keptLayers: [],
    fusion: null,
    pruning: null,
    network: { family: "other", activationBytes: 1 },
    lineage: {
      model: `sha256:${"1".repeat(64)}`,
      folded: folded as never,
      calibration: null,
      evaluation: null,
      builder: "b",
      onnxRuntimeVersion: "1",
    },
    buildMs: 1,
    notes: [],
  };
}

const references = async () =>
  (await version.database.tables<BlobTables>().selectFrom("blob_reference").select("owner").execute()).map(
    ({ owner }) => owner,
  );
const offered = async () => (await repository.offered("version")).map(({ variantId }) => variantId);

describe("a variant that is not to be offered after all", () => {
  it("leaves nothing that refers to its content: its bundle goes first, then it", async () => {
    const seen: string[][] = [];
    events.on("variant.discarded", async () => void seen.push(await references()));
    const variantId = await store.keep("version", await made("x"));
    expect(await references()).toHaveLength(2);
    await store.discard(variantId);
    expect(seen.map((owners) => owners.length)).toEqual([2]);
    expect(await references()).toEqual([]);
    await expect(repository.built(variantId)).rejects.toMatchObject({ code: "SRT_NOT_FOUND" });
  });

  it("does so, too, where its bundle could not be cut", async () => {
    events.on("variant.built", () => Promise.reject(new Error("disk on fire")));
    await expect(store.keep("version", await made("x"))).rejects.toThrow("fire");
    expect(await references()).toEqual([]);
  });

  it("stays what it was where it was offered before: devices may run it", async () => {
    const first = await store.keep("version", await made("x"));
    await repository.offer(first, { card: cardOf(""), inputs: null, now: 1 });
    const second = await store.keep("version", await made("y"));
    await repository.offer(second, { card: cardOf(""), inputs: null, now: 2 });
    expect(await store.keep("version", await made("x"))).toBe(first);
    await store.discard(first);
    expect(await repository.findReplaced(3, "", 10)).toEqual([first]);
    expect(await references()).toHaveLength(4);
    // The same after a kill in between.
    await store.keep("version", await made("x"));
    await repository.clear();
    expect(await repository.findReplaced(3, "", 10)).toEqual([first]);
    expect(await offered()).toEqual([second]);
  });

  it("goes with its version, offered or not, when that could not be registered", async () => {
    const first = await store.keep("version", await made("x"));
    await repository.offer(first, { card: cardOf(""), inputs: null, now: 1 });
    await store.keep("version", await made("y", "fp16"));
    await store.withdraw("version");
    expect(await references()).toEqual([]);
    expect(await repository.ofVersion("version")).toEqual([]);
  });
});

describe("variants of one name", () => {
  it("that were to be offered at the same moment are a conflict, which says what to do", async () => {
    const first = await store.keep("version", await made("x"));
    const second = await store.keep("version", await made("y"));
    await repository.offer(first, { card: cardOf(""), inputs: null, now: 1 });
    // What PostgreSQL comes to when the other's change was not seen: the one before is not replaced first.
    const both = version.database
      .tables<VariantTables>()
      .updateTable("model_variant")
      .set({ status: "offered" })
      .where("variant_id", "=", second)
      .execute();
    await expect(both.catch(explainOfferConflict)).rejects.toMatchObject({
      code: "SRT_CONFLICT",
      message: expect.stringContaining("order the build again"),
    });
    expect(await offered()).toEqual([first]);
    expect(() => explainOfferConflict(Object.assign(new Error("pg"), { code: "23505" }))).toThrow("same moment");
    expect(() => explainOfferConflict(new Error("else"))).toThrow("else");
  });
});

describe("what is known of fp32", () => {
  it("is replaced by a card about the very same file, and by no other: then it is to be made anew", async () => {
    const variantId = await store.keep("version", await made("x"));
    const { digest } = await repository.built(variantId);
    await repository.offer(variantId, { card: cardOf(digest), inputs: null, now: 1 });
    await store.setReferenceCard("version", { ...cardOf(digest), notes: ["evaluated"] });
    expect((await repository.built(variantId)).card?.notes).toEqual(["evaluated"]);
    expect(told).toEqual([]);
    await store.setReferenceCard("version", { ...cardOf(`sha256:${"2".repeat(64)}`), notes: ["of another file"] });
    expect((await repository.built(variantId)).card).toMatchObject({
      notes: ["evaluated"],
      lineage: { folded: digest },
    });
    expect(told).toEqual(["version"]);
  });
});
