import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { checkPeer } from "@sartor/agent/identity";
import { SiteCacheServer } from "@sartor/agent/ota";
import { createLogger, systemClock, TlsIdentity } from "@sartor/agent/platform";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../support/control-plane-process.js";
import { enrol } from "../support/enrolled-device.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { drawn, fineTuned } from "../support/tuned-models.js";
import { waitFor } from "../support/wait-for.js";
import { type SiteFleet, startSite } from "./site.js";

/** So many classes that a bundle is a few MB, beside which orders and handshakes are little. */
const CLASSES = 60_000;
const model = (version: string, seed: number) =>
  buildTinyClassifier({ name: "tiny", version, seed, classes: CLASSES, width: 8, height: 8 });

describe("a site with a device that caches", () => {
  let site: SiteFleet;
  const bundleBytes = new Map<string, number>();
  beforeAll(async () => {
    site = await startSite(2);
    for (const [version, seed] of [
      ["1.0.0", 1],
      ["2.0.0", 2],
    ] as const) {
      const files = model(version, seed);
      await site.fleet.register(files);
      bundleBytes.set(version, files.onnx.byteLength + files.golden.byteLength);
    }
  }, 120_000);
  afterAll(() => site?.stop());

  it("downloads a bundle about once for all its devices", async () => {
    const before = site.fleet.httpLine.downBytes;
    await site.fleet.rollOut("tiny", "1.0.0", { devices: site.deviceIds });
    await site.serving("1.0.0");
    const manifestBytes = statSync(join(site.fleet.agent.folder, "slots", "a", "bundle.json")).size;
    const bytes = (bundleBytes.get("1.0.0") ?? 0) + manifestBytes;
    const share = (site.fleet.httpLine.downBytes - before) / bytes;
    console.info(
      `a bundle of ${bytes} bytes; bytes from the control plane for ${site.deviceIds.length} devices: ${share.toFixed(3)} bundles`,
    );
    expect(share).toBeGreaterThan(1);
    expect(share).toBeLessThan(1.2);
    const asked = readFileSync(site.fleet.agent.logFile, "utf8").match(/(?<=asks the control plane path=)\S+/g) ?? [];
    expect(asked.length).toBeGreaterThan(10);
    expect(new Set(asked).size).toBe(asked.length);
    for (const { log } of site.neighbours) expect(log()).not.toContain("left alone");
  }, 180_000);

  it("downloads what changed between two versions about once, too", async () => {
    const classes = 20_000;
    const start = drawn("1.0.0", 1, classes);
    await site.fleet.register(start);
    await site.fleet.rollOut("tuned", "1.0.0", { devices: site.deviceIds });
    await site.serving("1.0.0", site.deviceIds, "tuned");
    await site.fleet.register(await fineTuned(start, "1.0.1", 5));
    const before = site.fleet.httpLine.downBytes;
    await site.fleet.rollOut("tuned", "1.0.1", { devices: site.deviceIds });
    await site.serving("1.0.1", site.deviceIds, "tuned");
    const bytes = site.fleet.httpLine.downBytes - before;
    const logs = [site.fleet.agent, ...site.neighbours.map(({ agent }) => agent)].map(({ logFile }) =>
      readFileSync(logFile, "utf8"),
    );
    for (const log of logs) expect(log).toContain("a file came as a difference");
    const { size } = statSync(join(site.fleet.agent.folder, "active", "bundle.json"));
    console.info(`a difference for ${logs.length} devices: ${bytes} bytes, of which ${size} are the manifest`);
    // One manifest, one difference (three bits of each weight), and what orders cost; two manifests alone are more.
    expect(bytes).toBeLessThan(2 * size);
  }, 180_000);

  it("gets what it needs from the control plane past caches that lie, stall, are dead or revoked, and says so once each", async () => {
    const { controlPlane, httpLine } = site.fleet;
    const target = { ...controlPlane, deviceUrl: `https://127.0.0.1:${httpLine.port}` };
    const known = target as unknown as Parameters<typeof enrol>[0];
    const servers: SiteCacheServer[] = [];
    const asked = { liar: 0, staller: 0, revoked: 0 };
    async function startBad(name: keyof typeof asked, body: () => AsyncIterable<Uint8Array>) {
      const device = await enrol(known, name);
      const tls = new TlsIdentity(device.credential);
      const answer = async () => {
        asked[name] += 1;
        return { status: 200, headers: {}, body: body(), close: async () => undefined };
      };
      const server = new SiteCacheServer({
        cache: { answer },
        tls,
        listen: { host: "127.0.0.1", port: 0 },
        identify: (socket) =>
          checkPeer(socket, { authorities: device.credential.ca, now: Date.now(), isRevoked: () => false }),
        clock: systemClock,
        logger: createLogger("error"),
      });
      servers.push(server);
      return { deviceId: device.deviceId, url: `https://127.0.0.1:${await server.start()}` };
    }
    async function* lies() {
      yield randomBytes(1_000);
    }
    async function* nothing() {
      await new Promise((resolve) => setTimeout(resolve, 60_000).unref());
      yield randomBytes(1);
    }
    const liar = await startBad("liar", lies);
    const staller = await startBad("staller", nothing);
    const revoked = await startBad("revoked", lies);
    await controlPlane.api("POST", `/api/v1/devices/${revoked.deviceId}/revoke`);
    const dead = `https://127.0.0.1:${await freePort()}`;
    const [neighbour] = site.neighbours;
    if (neighbour === undefined) throw new Error("there is no neighbour");
    try {
      const caches = [liar.url, staller.url, dead, revoked.url];
      await neighbour.restart({ SARTOR_SITE_CACHES: caches.join(",") });
      await waitFor(
        "the agent to know the revocation list",
        () => neighbour.log().includes("revocation list") || undefined,
      );
      const before = httpLine.downBytes;
      await site.fleet.rollOut("tiny", "2.0.0", { devices: [neighbour.deviceId] });
      await site.serving("2.0.0", [neighbour.deviceId]);
      expect(httpLine.downBytes - before).toBeGreaterThan(bundleBytes.get("2.0.0") ?? Number.POSITIVE_INFINITY);
      const lines = neighbour
        .log()
        .split("\n")
        .filter((line) => line.includes("left alone") && line.includes(" warn "));
      expect(caches.map((url) => lines.filter((line) => line.includes(url)).length)).toEqual([1, 1, 1, 1]);
      expect(lines.find((line) => line.includes(revoked.url))).toContain("was revoked");
      expect(asked.liar).toBeGreaterThan(0);
      expect(asked.staller).toBeGreaterThan(0);
      expect(asked.revoked).toBe(0);
    } finally {
      for (const server of servers) await server.stop();
    }
  }, 240_000);
});

describe("a site without one", () => {
  it("downloads a bundle once a device", async () => {
    const site = await startSite(2, { withCache: false });
    try {
      const files = model("1.0.0", 1);
      await site.fleet.register(files);
      const before = site.fleet.httpLine.downBytes;
      await site.fleet.rollOut("tiny", "1.0.0", { devices: site.deviceIds });
      await site.serving("1.0.0");
      const share =
        (site.fleet.httpLine.downBytes - before) /
        (files.onnx.byteLength +
          files.golden.byteLength +
          statSync(join(site.fleet.agent.folder, "slots", "a", "bundle.json")).size);
      console.info(`without a cache: ${share.toFixed(3)} bundles`);
      expect(share).toBeGreaterThan(2.9);
    } finally {
      await site.stop();
    }
  }, 180_000);
});
