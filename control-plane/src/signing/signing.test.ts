import type { Digest } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keyIdOf, signMetadata } from "./ed25519.js";
import { parseMetadata } from "./metadata.js";
import { base64, DAY, newKey, people, rootOf, TrustBench, topTargetsOf } from "./testing/trust-bench.js";

describe("the image repository", () => {
  let bench: TrustBench;
  beforeEach(async () => {
    bench = await TrustBench.open();
  });
  afterEach(() => bench.close());

  const read = <K extends "snapshot" | "timestamp">(role: K) => {
    const found = bench.image.state.find("image", role);
    return parseMetadata(role, Buffer.from(found?.text ?? ""));
  };

  it("is there once enough people have signed its root, and not before", async () => {
    await expect(bench.ceremony(1)).rejects.toMatchObject({ code: "SRT_TRUST_SIGNATURE" });
    expect(bench.image.state.ready).toBe(false);
    expect(await bench.trust.newest()).toEqual([]);
    await bench.ceremony();
    expect((await bench.trust.newest()).map(({ repository, role }) => `${repository} ${role}`)).toEqual([
      "director root",
      "image root",
      "image snapshot",
      "image targets",
      "image timestamp",
    ]);
  });

  it("takes the same ceremony again without a change, and no other one", async () => {
    await bench.ceremony();
    const before = await bench.trust.newest();
    await bench.ceremony();
    expect(await bench.trust.newest()).toEqual(before);
    await expect(bench.ceremony(3)).rejects.toMatchObject({ code: "SRT_CONFLICT" });
  });

  it("asks once for the bundles that appear, and has them signed by the model's key only", async () => {
    await bench.ceremony();
    const [first] = (await bench.offer("1.0.0", ["fp32"])) as [Digest];
    const [, second] = (await bench.offer("1.0.0", ["fp32", "int8-u8s8"])) as [Digest, Digest];
    const all = (await bench.requests.list(true)).filter(({ role }) => role === "signs");
    expect(all.map(({ status }) => status)).toEqual(["open", "superseded"]);
    const request = await bench.openRequest();
    expect(bench.image.signedBundle(first)).toBeUndefined();
    const id = request?.requestId ?? "";
    await expect(bench.sign(id, [people.imageTargets[0] ?? newKey()])).rejects.toMatchObject({
      code: "SRT_KEY_UNKNOWN",
    });
    const forged = { keyId: people.release.keyId, signature: "00".repeat(64) };
    await expect(bench.requests.addSignature(id, forged)).rejects.toMatchObject({ code: "SRT_TRUST_SIGNATURE" });
    await bench.sign(id, [people.release]);
    expect(bench.image.signedBundle(second)?.custom).toMatchObject({ hardware: ["linux-x64"], releaseCounter: 1 });
    expect(await bench.openRequest()).toBeUndefined();
    expect(Object.keys(read("snapshot").signed.meta)).toEqual(["signs.json", "targets.json"]);
    expect((await bench.requests.get(id)).status).toBe("published");
  });

  it("gives later versions higher counters, and an old one the highest when it is released again", async () => {
    await bench.ceremony();
    const [old] = (await bench.release("1.0.0")) as [Digest];
    const [young] = (await bench.release("1.1.0")) as [Digest];
    const counter = (id: Digest) => bench.image.signedBundle(id)?.custom.releaseCounter;
    expect([counter(old), counter(young)]).toEqual([1, 2]);
    const release = { model: "signs", version: "1.0.0", again: true };
    const { releaseCounter, requestId } = await bench.families.release(release);
    expect(releaseCounter).toBe(3);
    await bench.sign(requestId ?? "", [people.release]);
    expect([counter(old), counter(young)]).toEqual([3, 2]);
    expect(await bench.families.release({ ...release, again: false })).toMatchObject({
      releaseCounter: 3,
      requestId: null,
    });
  });

  it("follows a new root that old and new holders signed, and no other", async () => {
    await bench.ceremony();
    const stranger = newKey();
    const roles = { ...bench.imageRoles(), root: { keys: [stranger, ...people.imageRoot.slice(1)], threshold: 2 } };
    const root = rootOf(roles, 2, bench.clock.now());
    const propose = (metadata: typeof root) =>
      bench.requests.propose({
        repository: "image",
        role: "root",
        metadata: base64(metadata),
        reason: "a holder left",
      });
    await expect(propose(rootOf(roles, 3, bench.clock.now()))).rejects.toMatchObject({ code: "SRT_TRUST_ROLLBACK" });
    const foreign = { ...roles, snapshot: { keys: [stranger], threshold: 1 } };
    await expect(propose(rootOf(foreign, 2, bench.clock.now()))).rejects.toMatchObject({
      code: "SRT_TRUST_METADATA_INVALID",
    });
    const { requestId } = await propose(root);
    const [left, second] = people.imageRoot as [typeof stranger, typeof stranger];
    await bench.sign(requestId, [stranger, second]);
    expect(bench.image.state.imageRoot?.signed.version).toBe(1);
    await bench.sign(requestId, [left]);
    expect(bench.image.state.imageRoot?.signed.version).toBe(2);
    expect((await bench.trust.find("image", "root", 1))?.version).toBe(1);
  });

  it("believes no bundle that a revoked key signed, and asks for its signature by the new one", async () => {
    await bench.ceremony();
    const [bundle] = (await bench.release("1.0.0")) as [Digest];
    const next = newKey();
    const { requestId } = await bench.requests.propose({
      repository: "image",
      role: "targets",
      metadata: base64(topTargetsOf({ signs: next }, 2, bench.clock.now())),
      reason: "stolen",
    });
    await bench.sign(requestId, people.imageTargets.slice(0, 2));
    expect(bench.image.signedBundle(bundle)).toBeUndefined();
    const request = await bench.openRequest();
    await bench.sign(request?.requestId ?? "", [next]);
    expect(bench.image.signedBundle(bundle)?.custom.releaseCounter).toBe(1);
  });

  it("renews timestamp and snapshot before they end, and asks people in time for the rest", async () => {
    await bench.ceremony();
    await bench.release("1.0.0");
    const [first, snapshot] = [read("timestamp").signed.version, read("snapshot").signed.version];
    await bench.image.renew();
    expect(read("timestamp").signed.version).toBe(first);
    bench.clock.at += 0.6 * DAY;
    await bench.image.renew();
    expect(read("timestamp").signed.version).toBeGreaterThan(first);
    expect(read("snapshot").signed.version).toBe(snapshot);
    bench.clock.at += 3.5 * DAY;
    await bench.image.renew();
    expect(read("snapshot").signed.version).toBeGreaterThan(snapshot);
    expect(read("timestamp").signed.snapshotMeta.version).toBe(read("snapshot").signed.version);
    expect(await bench.requests.list(false)).toEqual([]);
    bench.clock.at += 60 * DAY;
    await bench.families.reconcileAll();
    expect((await bench.requests.list(false)).map(({ role }) => role).sort()).toEqual(["signs", "targets"]);
  });

  it("keeps what a lost online key signed, instead of signing with one that no root names", async () => {
    await bench.ceremony();
    const before = bench.image.state.find("image", "timestamp");
    bench.keys.lose("image-timestamp");
    await expect(bench.image.renew()).rejects.toMatchObject({ code: "SRT_TRUST_METADATA_INVALID" });
    expect(bench.image.state.find("image", "timestamp")).toBe(before);
    const root = rootOf(bench.imageRoles(), 2, bench.clock.now());
    const proposal = { repository: "image", role: "root", metadata: base64(root), reason: "a new online key" } as const;
    const { requestId } = await bench.requests.propose(proposal);
    // Signatures that cannot be published yet are kept, and count once the root names the new key.
    await bench.offer("1.0.0");
    const waiting = (await bench.openRequest())?.requestId ?? "";
    await expect(bench.sign(waiting, [people.release])).rejects.toMatchObject({ code: "SRT_TRUST_METADATA_INVALID" });
    await bench.sign(requestId, people.imageRoot.slice(0, 2));
    expect((await bench.requests.get(waiting)).status).toBe("published");
    bench.image.state.imageRoot?.verifyDelegate("timestamp", read("timestamp"));
  });

  it("has nothing for devices once what people signed has ended", async () => {
    await bench.ceremony();
    const [bundle] = (await bench.release("1.0.0")) as [Digest];
    bench.clock.at += 91 * DAY;
    expect(bench.image.signedBundle(bundle)).toBeUndefined();
  });

  it("is the same after a restart", async () => {
    await bench.ceremony();
    const [bundle] = (await bench.release("1.0.0")) as [Digest];
    const before = await bench.trust.newest();
    const { ImageRepository } = await import("./image-repository.service.js");
    const again = new ImageRepository(bench.trust, bench.keys, bench.events, bench.clock);
    await again.onModuleInit();
    expect(again.signedBundle(bundle)).toBeDefined();
    expect(await bench.trust.newest()).toEqual(before);
    await again.onModuleDestroy();
  });
});

describe("metadata from outside", () => {
  it("is refused when it is too large, no metadata, or has times that other clients refuse", () => {
    const now = Date.parse("2026-06-01T00:00:00Z");
    expect(() => parseMetadata("root", Buffer.alloc(64 * 1024 + 1))).toThrow(/bytes/);
    expect(() => parseMetadata("root", Buffer.from("{}"))).toThrow(
      expect.objectContaining({ code: "SRT_TRUST_METADATA_INVALID" }),
    );
    const json = topTargetsOf({ signs: newKey() }, 1, now).toJSON() as { signed: { expires: string } };
    json.signed.expires = "2026-09-01T00:00:00.000Z";
    expect(() => parseMetadata("targets", Buffer.from(JSON.stringify(json)))).toThrow(/whole seconds/);
  });

  it("cannot count one key twice under two ids", async () => {
    const bench = await TrustBench.open();
    const key = newKey();
    const roles = { ...bench.imageRoles(), root: { keys: [key, { ...key, keyId: "ab".repeat(32) }], threshold: 2 } };
    const root = rootOf(roles, 1, bench.clock.now());
    signMetadata(root, key);
    signMetadata(root, { ...key, keyId: "ab".repeat(32) });
    const metadata = base64(root);
    const request = {
      imageRoot: metadata,
      directorRoot: metadata,
      imageTargets: base64(topTargetsOf({}, 1, bench.clock.now())),
    };
    await expect(bench.requests.ceremony(request)).rejects.toMatchObject({ code: "SRT_TRUST_METADATA_INVALID" });
    await bench.close();
  });

  it("has key ids as the reference implementation makes them", () => {
    // securesystemslib 1.6.0: compute_default_keyid("ed25519", "ed25519", {"public": "00" * 32}).
    expect(keyIdOf("00".repeat(32))).toBe(REFERENCE_KEY_ID);
  });
});

const REFERENCE_KEY_ID = "7f7373360bc914a5d4a7bd87711615178beb6cf52494fcc49082ec65ba62908c";
