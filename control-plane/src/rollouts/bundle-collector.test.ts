import { Logger } from "@nestjs/common";
import type { Digest, VariantCard } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BundlesRepository, type BundlesService } from "../bundles/index.js";
import { EventBus } from "../events/index.js";
import { UNREFERENCED_LIFETIME_MS } from "../models/index.js";
import { CPU_RUNTIME, StoredVersion } from "../testing/stored-version.js";
import { VariantsRepository, type VariantsService, type VariantTables } from "../variants/index.js";
import { BundleCollector, REPLACED_LIFETIME_MS } from "./bundle-collector.service.js";
import { BundleNeedsRepository } from "./bundle-needs.repository.js";

Logger.overrideLogger(false);

const LATER = UNREFERENCED_LIFETIME_MS + REPLACED_LIFETIME_MS + 2;
const card = { accuracy: null, lineage: { evaluation: null } } as unknown as VariantCard;

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

let version: StoredVersion;
let clock: StoredVersion["clock"];
let variants: VariantsRepository;
let bundles: BundlesRepository;
let collector: BundleCollector;
const insert = (table: string, row: Record<string, unknown>) => version.insert(table, row);
const put = async (text: string): Promise<Digest> =>
  (await version.blobs.put(once(text), { maximumBytes: 100 })).digest;

/** Makes what a build makes under the name int8: content, row, bundle; offered in the place of the one before. */
async function offer(text: string, id: string): Promise<{ variantId: string; bundleId: Digest; digests: Digest[] }> {
  const [digest, golden, bundleId] = [await put(text), await put(`golden of ${text}`), await put(`bundle of ${text}`)];
  const made = {
    versionId: "version",
    name: "int8-u8s8",
    kind: "int8-u8s8" as const,
    digest,
    bytes: 1,
    runtime: CPU_RUNTIME,
  };
  const variantId = await variants.insert(
    { ...made, variantId: id, goldenDigest: golden, golden: null, card },
    clock.at,
  );
  const bundle = { bundleId, variantId, model: "m", version: "1.0.0", manifestBytes: 1, totalBytes: 1 };
  await bundles.insert(bundle, [bundleId, digest, golden], clock.at);
  await variants.offer(variantId, { card, inputs: text, now: clock.at });
  return { variantId, bundleId, digests: [digest, golden, bundleId] };
}

const sizes = (digests: readonly Digest[]) => Promise.all(digests.map((digest) => version.store.size(digest)));
const statusOf = async (variantId: string): Promise<unknown> => {
  const rows = version.database.tables<VariantTables>().selectFrom("model_variant").where("variant_id", "=", variantId);
  return (await rows.select("status").executeTakeFirst())?.status;
};

const device = (id: string, reported: string | null = null) =>
  insert("device", {
    device_id: id,
    name: id,
    emulated: 0,
    enrolled_at: 1,
    presence: "online",
    presence_since: 1,
    reported,
    desired_generation: 0,
  });
const rollout = (id: string, more: Record<string, unknown> = {}) =>
  insert("rollout", {
    rollout_id: id,
    name: id,
    model: "m",
    version: "1.0.0",
    deadline_ms: 1,
    probe: "{}",
    status: "succeeded",
    wave: 1,
    created_at: 1,
    ...more,
  });
const deployment = async (rolloutId: string, deviceId: string, bundleId: string, status: string) => {
  await rollout(rolloutId);
  await insert("device_deployment", {
    deployment_id: `${rolloutId} ${deviceId}`,
    rollout_id: rolloutId,
    device_id: deviceId,
    wave: 1,
    bundle_id: bundleId,
    status,
    step: "done",
    report_sequence: 0,
    queued_at: 1,
    updated_at: 1,
    deadline_at: 1,
  });
};
const tuning = (deviceId: string, variantId: string, status: string) =>
  insert("tuning", {
    tuning_id: "tuning",
    device_id: deviceId,
    model: "m",
    version: "1.0.0",
    status,
    reason: "",
    apply: 1,
    candidates: "[]",
    variants: JSON.stringify([variantId]),
    rules: "{}",
    budget: "{}",
    progress: 0,
    device_type: "t",
    emulated: 0,
    told: 1,
    created_at: 1,
    deadline_at: 1,
  });

beforeEach(async () => {
  version = await StoredVersion.open();
  const { blobs, database } = version;
  clock = version.clock;
  variants = new VariantsRepository(database);
  bundles = new BundlesRepository(database);
  const replaced: VariantsService["replaced"] = (...page) => variants.findReplaced(...page);
  const ofVariants: BundlesService["ofVariants"] = (ids) => bundles.ofVariants(ids);
  collector = new BundleCollector(
    new BundleNeedsRepository(database),
    { replaced } as VariantsService,
    { ofVariants } as BundlesService,
    blobs,
    clock,
    new EventBus(),
  );
});
afterEach(() => version.close());

describe("a variant that was replaced", () => {
  it("is removed with its bundle when no device needs it: the disk is free, and what is known of it stays", async () => {
    const [old, now] = [await offer("old", "1"), await offer("new", "2")];
    expect(await collector.collect()).toBe(0);
    clock.at += LATER;
    expect(await collector.collect()).toBe(1);
    expect(await sizes(old.digests)).toEqual([undefined, undefined, undefined]);
    expect(await sizes(now.digests)).not.toContain(undefined);
    expect(await bundles.find(old.bundleId)).toBeUndefined();
    expect(await statusOf(old.variantId)).toBe("removed");
    expect((await variants.built(old.variantId)).card).toEqual(card);
    expect(await collector.collect()).toBe(0);
  });

  it("that is made again is whole again", async () => {
    await offer("old", "1");
    await offer("new", "2");
    clock.at += LATER;
    await collector.collect();
    const again = await offer("old", "3");
    expect(again.variantId).toBe("1");
    clock.at += LATER;
    // Now the other one is out of use.
    expect(await collector.collect()).toBe(1);
    expect(await sizes(again.digests)).not.toContain(undefined);
    expect(await statusOf("1")).toBe("offered");
    expect((await bundles.find(again.bundleId))?.variantId).toBe("1");
  });

  const needs: [string, (old: { variantId: string; bundleId: string }) => Promise<unknown>][] = [
    [
      "a device has it in a slot",
      ({ bundleId }) => device("pi", JSON.stringify({ slots: { inactive: { bundleId } } })),
    ],
    [
      "a device was told of it",
      ({ bundleId }) =>
        insert("desired_state", {
          device_id: "pi",
          generation: 1,
          desired: JSON.stringify({ bundleId }),
          published: 1,
        }),
    ],
    ["a device installs it", ({ bundleId }) => device("pi").then(() => deployment("r", "pi", bundleId, "in_progress"))],
    [
      "a device falls back to it",
      async ({ bundleId }) => {
        await device("pi");
        await deployment("r1", "pi", bundleId, "succeeded");
        await deployment("r2", "pi", "sha256:other", "in_progress");
        await deployment("r3", "pi", "sha256:other", "failed");
      },
    ],
    [
      "a rollout is about to install it",
      ({ bundleId }) => rollout("r", { status: "running", choice: JSON.stringify({ bundleId }) }),
    ],
    ["a device is to measure it", ({ variantId }) => device("pi").then(() => tuning("pi", variantId, "queued"))],
  ];
  it.each(needs)("stays while %s", async (_, need) => {
    const old = await offer("old", "1");
    await offer("new", "2");
    await need(old);
    clock.at += LATER;
    expect(await collector.collect()).toBe(0);
    expect(await sizes(old.digests)).not.toContain(undefined);
    expect((await bundles.find(old.bundleId))?.variantId).toBe(old.variantId);
  });

  const past: typeof needs = [
    [
      "a device that has gone on from it",
      async ({ bundleId }) => {
        await device("pi");
        await deployment("r1", "pi", bundleId, "succeeded");
        await deployment("r2", "pi", "sha256:other", "succeeded");
      },
    ],
    ["a device that is no more", ({ bundleId }) => deployment("r", "gone", bundleId, "succeeded")],
    ["a device that refused it", ({ bundleId }) => device("pi").then(() => deployment("r", "pi", bundleId, "failed"))],
    ["a rollout that has ended", ({ bundleId }) => rollout("r", { choice: JSON.stringify({ bundleId }) })],
    ["a tuning that has ended", ({ variantId }) => device("pi").then(() => tuning("pi", variantId, "succeeded"))],
  ];
  it.each(past)("goes whatever is remembered of %s", async (_, was) => {
    const old = await offer("old", "1");
    await offer("new", "2");
    await was(old);
    clock.at += LATER;
    expect(await collector.collect()).toBe(1);
    expect(await sizes(old.digests)).toEqual([undefined, undefined, undefined]);
  });

  it("keeps content that another one shares", async () => {
    const old = await offer("old", "1");
    const other = await offer("new", "2");
    await insert("blob_reference", { digest: old.digests[0], owner: `bundle:${other.bundleId}` });
    clock.at += LATER;
    expect(await collector.collect()).toBe(1);
    expect(await sizes(old.digests)).toEqual([3, undefined, undefined]);
  });

  it("is found behind any number of others that devices need", async () => {
    for (let index = 100; index < 230; index++) {
      const { bundleId } = await offer(`v${index}`, String(index));
      if (index < 225) await device(`pi ${index}`, JSON.stringify({ bundleId }));
    }
    clock.at += LATER;
    // 225 to 228: the last one is offered.
    expect(await collector.collect()).toBe(4);
  });
});
