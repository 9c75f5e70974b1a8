import { createHash, type KeyObject } from "node:crypto";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { ORDER_TARGET, TRUST_PATHS } from "@sartor/shared/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { callAsDevice } from "../support/enrolled-device.js";
import { serverOptions } from "../support/test-credentials.js";
import { canonicalJson } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { type AttackedFleet, type AttackedMember, forge, type Signed, startAttackedFleet } from "./attacked-fleet.js";
import type { Answer, Exchange } from "./middleman.js";

let fleet: AttackedFleet;
let victim: AttackedMember;
let other: AttackedMember;
let version = 1;
/** What the victim serves now. */
const current = () => `${version}.0.0`;

beforeAll(async () => {
  fleet = await startAttackedFleet(2);
  [victim, other] = fleet.devices as [AttackedMember, AttackedMember];
  await fleet.release(current());
  await fleet.order(victim, current());
  await fleet.order(other, current());
  await victim.serving(current());
  await other.serving(current());
}, 180_000);
afterAll(() => fleet?.stop());
afterEach(() => {
  victim.middleman.intercept = () => false;
  victim.middleman.tamper = () => undefined;
});

const timestampOf = (repository: string) => `${repository}/metadata/timestamp.json`;
const versionOf = async (repository: string): Promise<number> =>
  (await signedOf(timestampOf(repository))).signed.version;

/** Releases and orders the next version: that is when the victim looks. */
async function orderNext(): Promise<string> {
  const next = `${version + 1}.0.0`;
  await fleet.release(next);
  return fleet.order(victim, next);
}
/** Nothing is in the way any more: what was ordered is installed. */
async function followsAgain(): Promise<void> {
  victim.middleman.intercept = () => false;
  victim.middleman.tamper = () => undefined;
  version += 1;
  await victim.serving(current());
  expect(await victim.answering()).toBe(current());
}

/**
 * Forged metadata was believed, for its key was the right one: what the control plane signs next is as new as that, which is no reason
 * to read it, and what it signs then is newer.
 */
async function followsOnceOutgrown(repository: string, forged: ReadonlyMap<string, Buffer>): Promise<void> {
  const { signed } = JSON.parse(String(forged.get(timestampOf(repository)))) as Signed;
  while ((await versionOf(repository)) <= signed.version) {
    const before = await versionOf(repository);
    version += 1;
    await orderNext();
    await waitFor("the control plane to sign", async () => (await versionOf(repository)) > before);
  }
  await followsAgain();
}

const directorOf = ({ deviceId }: AttackedMember) => TRUST_PATHS.director(deviceId);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const described = (bytes: Buffer, of: number) => ({
  version: of,
  length: bytes.byteLength,
  hashes: { sha256: sha256(bytes) },
});

/** Serves files in the place of others, by their paths. */
function serve(files: ReadonlyMap<string, Buffer>): void {
  victim.middleman.intercept = ({ path, response }) => {
    const bytes = files.get(path);
    if (bytes === undefined) return false;
    response.end(bytes);
    return true;
  };
}

async function signedOf(path: string): Promise<Signed> {
  const { status, body } = await victim.middleman.fetch(path, victim.deviceId);
  if (status !== 200) throw new Error(`${path} answered ${status}`);
  return JSON.parse(body.toString()) as Signed;
}

/** The victim's director repository, changed and signed again by whoever stole its key: as new as the one that is there. */
async function forgeDirector(
  key: KeyObject,
  change: (targets: Record<string, { custom: Record<string, unknown> }>) => void,
  order?: object,
) {
  const base = `${directorOf(victim)}/metadata`;
  // The control plane may sign anew meanwhile: what was there is gone then.
  const { timestamp, snapshot, targets, path, bytes } = await waitFor("a whole repository", async () => {
    const timestamp = await signedOf(`${base}/timestamp.json`);
    const snapshot = await signedOf(`${base}/${timestamp.signed.meta["snapshot.json"].version}.snapshot.json`);
    const targets = await signedOf(`${base}/${snapshot.signed.meta["targets.json"].version}.targets.json`);
    const path = `${directorOf(victim)}/targets/${targets.signed.targets[ORDER_TARGET].hashes.sha256}.${ORDER_TARGET}`;
    const { status, body: bytes } = await victim.middleman.fetch(path, victim.deviceId);
    return status === 200 && { timestamp, snapshot, targets, path, bytes };
  });
  const files = new Map<string, Buffer>([[path, bytes]]);
  if (order !== undefined) {
    const bytes = Buffer.from(canonicalJson(order));
    const { generation, deviceId } = order as { generation: number; deviceId: string };
    targets.signed.targets[ORDER_TARGET] = {
      length: bytes.byteLength,
      hashes: { sha256: sha256(bytes) },
      custom: { schemaVersion: 1, deviceId, generation },
    };
    files.set(`${directorOf(victim)}/targets/${sha256(bytes)}.${ORDER_TARGET}`, bytes);
  }
  change(targets.signed.targets);
  for (const { signed } of [targets, snapshot, timestamp]) signed.version += 1;
  const targetsBytes = forge(targets, key);
  snapshot.signed.meta["targets.json"] = described(targetsBytes, targets.signed.version);
  const snapshotBytes = forge(snapshot, key);
  timestamp.signed.meta["snapshot.json"] = described(snapshotBytes, snapshot.signed.version);
  files.set(`${base}/timestamp.json`, forge(timestamp, key));
  files.set(`${base}/${snapshot.signed.version}.snapshot.json`, snapshotBytes);
  files.set(`${base}/${targets.signed.version}.targets.json`, targetsBytes);
  return files;
}

/** Holds the victim's questions about a repository back until what shall be answered is ready: it asks for the timestamp first. */
function hold(repository: string): (files: ReadonlyMap<string, Buffer>) => void {
  const held: Exchange[] = [];
  victim.middleman.intercept = (exchange) => {
    if (exchange.path !== timestampOf(repository)) return false;
    held.push(exchange);
    return true;
  };
  return (files) => {
    serve(files);
    for (const { path, response } of held) response.end(files.get(path));
  };
}

describe("cross-device replay", () => {
  it("a device may not read another's orders", async () => {
    const deviceUrl = `https://127.0.0.1:${fleet.controlPlane.devicePort}`;
    for (const file of [
      "metadata/timestamp.json",
      "metadata/1.targets.json",
      `targets/${"0".repeat(64)}.desired.json`,
    ]) {
      const reply = await callAsDevice({ deviceUrl }, victim.credential, `${directorOf(other)}/${file}`);
      expect(reply.status, file).toBe(403);
      expect(await reply.json()).toMatchObject({ error: { code: "SRT_FORBIDDEN" } });
    }
  });

  it("and follows none that somebody serves it in the place of its own", async () => {
    victim.middleman.intercept = ({ path, response }) => {
      if (!path.startsWith(directorOf(victim))) return false;
      void other.middleman
        .fetch(path.replace(victim.deviceId, other.deviceId), other.deviceId)
        .then(({ status, body }) => response.writeHead(status).end(body));
      return true;
    };
    // The other one's orders are newer than the victim's: not their age gives them away.
    await orderNext();
    await fleet.order(other, `${version + 1}.0.0`);
    await victim.refuses("SRT_TRUST_WRONG_DEVICE", current());
    await followsAgain();
  });
});

describe("rollback: files that were recorded, with whoever is on the line", () => {
  it("are refused when the device has seen newer ones", async () => {
    const recorded = new Map<string, Buffer>();
    victim.middleman.tamper = (path, { status, body }: Answer) => {
      if (status === 200 && path.startsWith("/api/v1/trust/")) recorded.set(path, body);
      return false;
    };
    await orderNext();
    await followsAgain();
    const replay = new Map(recorded);
    expect([...replay.keys()].some((path) => path.endsWith("timestamp.json"))).toBe(true);
    await orderNext();
    await followsAgain();
    serve(replay);
    await orderNext();
    await victim.refuses("SRT_TRUST_ROLLBACK", current());
    await followsAgain();
  });
});

describe("a stolen director key, with the line and the control plane's name", () => {
  it("orders no bundle that the image repository did not sign", async () => {
    const serveForged = hold(directorOf(victim));
    await orderNext();
    const { deviceId } = victim;
    const evil = Buffer.from('{"schemaVersion":1}');
    const bundleId = `sha256:${sha256(evil)}`;
    const rolloutId = "01K00000000000000000000009";
    const order = {
      schemaVersion: 1,
      deviceId,
      generation: 1_000,
      issuedAt: Date.now(),
      deployment: {
        deploymentId: "01K00000000000000000000008",
        rolloutId,
        bundle: { bundleId, manifestBytes: evil.byteLength, model: "tiny", version: "9.9.9" },
        probe: { deadlineMs: 60_000, soakMs: 0 },
      },
      tuning: null,
      telemetry: { windowSeconds: 60 },
    };
    const forged = await forgeDirector(
      fleet.stolenKey("director-online"),
      (targets) => {
        const [said] = Object.entries(targets).flatMap(([path, { custom }]) => (path === ORDER_TARGET ? [] : [custom]));
        const custom = { ...said, rolloutId, purpose: "deployment" };
        Object.assign(targets, {
          [`tiny/9.9.9/${sha256(evil)}.json`]: { length: evil.byteLength, hashes: { sha256: sha256(evil) }, custom },
        });
      },
      order,
    );
    serveForged(forged);
    await victim.refuses("SRT_TRUST_UNSIGNED", current());
    await followsOnceOutgrown(directorOf(victim), forged);
  });

  it.each([
    ["calls the device other hardware", "SRT_TRUST_WRONG_HARDWARE", { hardware: "gate-camera-2" }],
    ["raises a release's counter", "SRT_TRUST_MISMATCH", { releaseCounter: 1_000 }],
    ["names another device", "SRT_TRUST_WRONG_DEVICE", { deviceId: "another-device" }],
  ])("is refused when it %s", async (_title, code, changes) => {
    const serveForged = hold(directorOf(victim));
    await orderNext();
    const forged = await forgeDirector(fleet.stolenKey("director-online"), (targets) => {
      for (const [path, { custom }] of Object.entries(targets))
        if (path !== ORDER_TARGET) Object.assign(custom, changes);
    });
    serveForged(forged);
    await victim.refuses(code, current());
    await followsOnceOutgrown(directorOf(victim), forged);
  });
});

describe("stolen online keys of the image repository", () => {
  let forged: ReadonlyMap<string, Buffer>;

  it("add no bundle to a family, whose key they are not", async () => {
    const serveForged = hold(TRUST_PATHS.image);
    await orderNext();
    const base = `${TRUST_PATHS.image}/metadata`;
    const [snapshotKey, timestampKey] = [fleet.stolenKey("image-snapshot"), fleet.stolenKey("image-timestamp")];
    const timestamp = await signedOf(`${base}/timestamp.json`);
    const snapshot = await signedOf(`${base}/${timestamp.signed.meta["snapshot.json"].version}.snapshot.json`);
    const family = await signedOf(`${base}/${snapshot.signed.meta["tiny.json"].version}.tiny.json`);
    const [path] = Object.keys(family.signed.targets);
    family.signed.targets["tiny/9.9.9/evil.json"] = family.signed.targets[path ?? ""];
    for (const { signed } of [family, snapshot, timestamp]) signed.version += 1;
    const familyBytes = forge(family, snapshotKey);
    snapshot.signed.meta["tiny.json"] = described(familyBytes, family.signed.version);
    const snapshotBytes = forge(snapshot, snapshotKey);
    timestamp.signed.meta["snapshot.json"] = described(snapshotBytes, snapshot.signed.version);
    forged = new Map([
      [timestampOf(TRUST_PATHS.image), forge(timestamp, timestampKey)],
      [`${base}/${snapshot.signed.version}.snapshot.json`, snapshotBytes],
      [`${base}/${family.signed.version}.tiny.json`, familyBytes],
    ]);
    serveForged(forged);
    const { reported } = await victim.refuses("SRT_TRUST_SIGNATURE", current());
    expect(reported?.ordersRefusal?.message).toContain("tiny");
  });

  it("and do not keep the device from the next release that people sign", async () => {
    await followsOnceOutgrown(TRUST_PATHS.image, forged);
  });
});

describe("arbitrary content, from whoever serves it", () => {
  it("swapped under a signed manifest is not installed", async () => {
    victim.middleman.tamper = (path, answer) => {
      if (path.startsWith("/api/v1/chunks/")) answer.body = Buffer.alloc(answer.body.byteLength, 7);
      return false;
    };
    const rolloutId = await orderNext();
    const rollout = await waitFor("the deployment to fail", async () => {
      const now = await fleet.rollout(rolloutId);
      return now.deployments.length > 0 && now.deployments.every(({ status }) => status === "failed") && now;
    });
    expect(rollout.deployments.map(({ error }) => error?.code)).toEqual(["SRT_DIGEST_MISMATCH"]);
    expect(await victim.answering()).toBe(current());
    victim.middleman.tamper = () => undefined;
    version += 1;
    await orderNext();
    await followsAgain();
  });

  it("of another host is not fetched: redirects are followed nowhere, and no certificate is shown there", async () => {
    let connections = 0;
    const spy = createServer({ ...serverOptions, rejectUnauthorized: false }, (_request, response) => response.end());
    spy.on("connection", () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => spy.listen(0, "127.0.0.1", resolve));
    const location = (path: string) => `https://127.0.0.1:${(spy.address() as AddressInfo).port}${path}`;
    let redirected = 0;
    victim.middleman.intercept = ({ path, response }) => {
      redirected += 1;
      response.writeHead([301, 302, 303, 307, 308][redirected % 5] ?? 302, { location: location(path) }).end();
      return true;
    };
    await orderNext();
    await victim.refuses("SRT_TRUST_UNREACHABLE", current());
    // The same once the order is known: manifest and chunks.
    victim.middleman.intercept = ({ path, response }) => {
      if (path.startsWith("/api/v1/trust/")) return false;
      redirected += 1;
      response.writeHead(307, { location: location(path) }).end();
      return true;
    };
    await waitFor("the download to fail", async () => {
      const { reported } = await victim.view();
      return reported?.deployment?.error?.code === "SRT_DOWNLOAD_FAILED";
    });
    expect(redirected).toBeGreaterThan(1);
    expect(connections).toBe(0);
    await followsAgain();
    await new Promise((resolve) => spy.close(resolve));
  });
});
