import { gzipSync } from "node:zlib";
import { TRUST_LIMITS } from "@sartor/shared/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { desiredOf } from "../agent-orders/orders-device.js";
import { releaseOf } from "../agent-orders/release-of.js";
import { waitFor } from "../support/wait-for.js";
import { type AttackedDevice, COUNTER, GENERATION, second, startAttackedDevice } from "./attacked-device.js";
import { deepJson, type Sent, sendEndlessly } from "./evil-answers.js";

/** What TLS and two sockets may hold that nobody asked for, bytes. */
const ON_THE_WAY = 8 * 1024 * 1024;
const NEXT = GENERATION + 1;

let device: AttackedDevice;
beforeAll(async () => {
  device = await startAttackedDevice();
});
afterEach(() => {
  device.server.intercept = () => false;
});
afterAll(() => device?.stop());

/** Answers what fits with bytes that never end. */
function endless(fits: RegExp, beginning?: Uint8Array): Sent {
  const sent: Sent = { bytes: 0, answers: 0 };
  device.server.intercept = (path, response) => {
    if (!fits.test(path)) return false;
    device.server.sentTrust.push(path);
    sendEndlessly(response, sent, beginning);
    return true;
  };
  return sent;
}

describe("endless data: a device stops reading where a signed or a fixed length ends", () => {
  it.each<[string, RegExp, number]>([
    ["a director's timestamp", /director\/.*\/timestamp\.json$/, TRUST_LIMITS.timestampBytes],
    ["an image timestamp", /image\/.*\/timestamp\.json$/, TRUST_LIMITS.timestampBytes],
    ["a root", /image\/.*\d\.root\.json$/, TRUST_LIMITS.rootBytes],
    ["a snapshot", /image\/.*\.snapshot\.json$/, TRUST_LIMITS.snapshotBytes],
    ["a role's targets", /image\/.*\.targets\.json$/, TRUST_LIMITS.targetsBytes],
    ["an order", /\.desired\.json$/, TRUST_LIMITS.orderBytes],
  ])("of %s", async (_title, path) => {
    let sent: Sent = { bytes: 0, answers: 0 };
    await device.refuses("SRT_TRUST_METADATA_INVALID", () => {
      device.trust.release(releaseOf(second), COUNTER + 1);
      device.trust.order(desiredOf(NEXT, second));
      sent = endless(path);
    });
    expect(sent.answers).toBeGreaterThan(0);
    expect(sent.bytes / sent.answers).toBeLessThan(ON_THE_WAY);
  });

  it("whose length a stolen online key signed: our own limit holds", async () => {
    await device.refuses("SRT_TRUST_METADATA_INVALID", () => {
      const { image } = device.trust;
      image.publish();
      image.publishSnapshot({ "targets.json": { version: (image.versions.targets ?? 0) + 1, length: 2 ** 40 } });
      endless(/\.targets\.json$/);
    });
  });

  it("of an order whose length a stolen director key signed", async () => {
    await device.refuses("SRT_TRUST_METADATA_INVALID", () => {
      const { director } = device.trust;
      const custom = { schemaVersion: 1, deviceId: device.trust.deviceId, generation: NEXT };
      director.addTarget("desired.json", Buffer.alloc(TRUST_LIMITS.orderBytes + 1, " "), custom);
      director.publish();
    });
  });
});

describe("bombs in metadata", () => {
  it.each<[string, (path: string) => number]>([
    ["a timestamp", () => TRUST_LIMITS.timestampBytes],
    ["a root", () => TRUST_LIMITS.rootBytes],
  ])("%s that is nested as deeply as its length allows", async (title, bytes) => {
    await device.refuses("SRT_TRUST_METADATA_INVALID", () => {
      const fits = title === "a root" ? /image\/.*\/\d+\.root\.json$/ : /image\/.*\/timestamp\.json$/;
      device.server.intercept = (path, response) => {
        if (!fits.test(path)) return false;
        device.server.sentTrust.push(path);
        const nest = deepJson(bytes(path) - 200);
        response.end(`{"signatures":[],"signed":{"_type":"${title.slice(2)}","version":9,"expires":"x","x":${nest}}}`);
        return true;
      };
    });
  });

  it.each([
    ["by nobody", () => []],
    [
      "falsely, under the name of the right key",
      () => [{ keyid: device.trust.image.roles.targets?.keys[0]?.id, sig: "00".repeat(64) }],
    ],
  ])("targets that are nested as deeply, signed %s", async (_title, signatures) => {
    await device.refuses("SRT_TRUST_SIGNATURE", () => {
      const { image } = device.trust;
      const version = (image.versions.targets ?? 0) + 1;
      const nest = deepJson(TRUST_LIMITS.targetsBytes - 500);
      const targets = `{"signatures":${JSON.stringify(signatures())},"signed":{"_type":"targets","spec_version":"1.0.31","version":${version},"expires":"2099-01-01T00:00:00Z","targets":{},"x":${nest}}}`;
      image.files.set(`metadata/${version}.targets.json`, Buffer.from(targets));
      image.publishSnapshot({ "targets.json": { version } });
    });
  });

  it("an order, signed by the director, that is nested as deeply", async () => {
    await device.refuses("SRT_TRUST_METADATA_INVALID", () => {
      const { director } = device.trust;
      const custom = { schemaVersion: 1, deviceId: device.trust.deviceId, generation: NEXT };
      director.addTarget("desired.json", Buffer.from(deepJson(TRUST_LIMITS.orderBytes - 100)), custom);
      director.publish();
    });
  });

  it("metadata that was compressed on the way is not opened", async () => {
    await device.refuses("SRT_TRUST_METADATA_INVALID", () => {
      device.server.intercept = (path, response) => {
        if (!/director\/.*\/timestamp\.json$/.test(path)) return false;
        device.server.sentTrust.push(path);
        response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(8 * 1024 * 1024, " ")));
        return true;
      };
    });
  });
});

describe("endless content", () => {
  it("of a manifest and of a chunk is given up, and fetched when it is right again", async () => {
    const ofManifest = endless(/^\/api\/v1\/bundles\//, second.manifestBytes);
    device.orderHonestly(second, NEXT, COUNTER + 1);
    await device.fails(second, "SRT_DOWNLOAD_FAILED");
    const ofChunk = endless(/^\/api\/v1\/chunks\//);
    await waitFor("a chunk without an end to be begun twice", () => ofChunk.answers >= 2);
    const { deployment } = await device.fails(second, "SRT_DOWNLOAD_FAILED");
    expect(deployment?.status).toBe("in_progress");
    for (const { bytes, answers } of [ofManifest, ofChunk]) expect(bytes / answers).toBeLessThan(ON_THE_WAY);
    device.server.intercept = () => false;
    await device.serving(second);
    expect(await device.answering()).toBe("tiny 2.0.0");
  });
});
