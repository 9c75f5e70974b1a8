import type { Digest } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Order } from "./director.service.js";
import { parseMetadata } from "./metadata.js";
import { DAY, TrustBench } from "./testing/trust-bench.js";

describe("the director", () => {
  let bench: TrustBench;
  let bundleId: Digest;
  beforeEach(async () => {
    bench = await TrustBench.open();
    await bench.ceremony();
    [bundleId] = (await bench.release("1.0.0", ["int8-u8s8"])) as [Digest];
  });
  afterEach(() => bench.close());

  const order = (changes: Partial<Order> & { generation?: number } = {}): Order => {
    const { generation = 1, ...rest } = changes;
    return {
      deviceId: "pi-1",
      desired: Buffer.from(JSON.stringify({ deviceId: "pi-1", generation })),
      bundles: [{ bundleId, purpose: "deployment", rolloutId: null }],
      hardware: ["acme-cam", "linux-x64"],
      ...rest,
    };
  };
  const file = async <K extends "targets" | "snapshot" | "timestamp">(role: K) =>
    parseMetadata(role, Buffer.from(await bench.director.metadata("pi-1", role)));

  it("signs what a device shall do for this device alone, with the bundle as the image repository has it", async () => {
    const { version } = await bench.director.publish(order());
    const targets = await file("targets");
    bench.image.state.directorRoot?.verifyDelegate("targets", targets);
    expect(targets.signed.version).toBe(version);
    const [path = "", bundle] = Object.entries(targets.signed.targets).find(([name]) => name !== "desired.json") ?? [];
    expect(bundle?.custom).toMatchObject({ deviceId: "pi-1", hardware: "linux-x64", releaseCounter: 1 });
    const image = bench.image.state.families.get("signs")?.signed.targets[path];
    expect([bundle?.length, bundle?.hashes]).toEqual([image?.length, image?.hashes]);
    const desired = targets.signed.targets["desired.json"];
    expect(desired?.custom).toEqual({ schemaVersion: 1, deviceId: "pi-1", generation: 1 });
    expect((await bench.director.order("pi-1", desired?.hashes.sha256 ?? "")).toString()).toContain('"generation":1');
    expect((await file("timestamp")).signed.snapshotMeta.version).toBe((await file("snapshot")).signed.version);
  });

  it("orders nothing that people did not sign, nothing for other hardware, nobody else's order and no older one", async () => {
    const [unsigned] = (await bench.offer("2.0.0")) as [Digest];
    const refused = async (changes: Parameters<typeof order>[0]) =>
      bench.director.publish(order(changes)).then(
        () => "taken",
        (error: { code: string }) => error.code,
      );
    const bundles = [{ bundleId: unsigned, purpose: "candidate" as const, rolloutId: null }];
    expect(await refused({ bundles })).toBe("SRT_TRUST_UNSIGNED");
    expect(await refused({ hardware: ["linux-arm64"] })).toBe("SRT_TRUST_WRONG_HARDWARE");
    expect(await refused({ deviceId: "pi-2" })).toBe("SRT_TRUST_WRONG_DEVICE");
    expect(await refused({ generation: 5 })).toBe("taken");
    expect(await refused({ generation: 4 })).toBe("SRT_TRUST_ROLLBACK");
  });

  it("does not sign the same order twice, and raises the version with every other one", async () => {
    const { version } = await bench.director.publish(order());
    expect(await bench.director.publish(order())).toEqual({ version });
    const versions = await Promise.all([2, 3, 4].map((generation) => bench.director.publish(order({ generation }))));
    const numbers = [version, ...versions.map((one) => one.version)];
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });

  it("renews a timestamp when a device asks for one that is past half of its life, and the rest in its time", async () => {
    await bench.director.publish(order());
    const [timestamp, targets] = [(await file("timestamp")).signed, (await file("targets")).signed];
    bench.clock.at += 0.4 * DAY;
    expect((await file("timestamp")).signed.version).toBe(timestamp.version);
    bench.clock.at += 0.2 * DAY;
    expect((await file("timestamp")).signed.version).toBeGreaterThan(timestamp.version);
    expect((await file("targets")).signed.version).toBe(targets.version);
    bench.clock.at += 4 * DAY;
    await file("timestamp");
    const renewed = (await file("targets")).signed;
    expect(renewed.version).toBeGreaterThan(targets.version);
    expect(Date.parse(renewed.expires)).toBeGreaterThan(bench.clock.at);
    expect(renewed.targets).toEqual(targets.targets);
  });

  it("forgets a device that was removed", async () => {
    await bench.director.publish(order());
    await bench.director.forget("pi-1");
    await expect(file("timestamp")).rejects.toMatchObject({ code: "SRT_NOT_FOUND" });
  });
});
