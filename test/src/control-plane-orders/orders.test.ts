import { TestAuthority } from "@sartor/agent/identity/testing";
import {
  bundleTargetPath,
  type ErrorReply,
  type Nudge,
  nudgeSchema,
  ORDER_TARGET,
  type RolloutSummary,
  TRUST_PATHS,
  topicOf,
} from "@sartor/shared/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { callAsDevice, connectDevice, rest } from "../support/enrolled-device.js";
import { readDirector, readOrder } from "../support/orders.js";
import { digestOf, register } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

describe("a device's orders", () => {
  let controlPlane: RunningControlPlane;
  const connected: ScriptedDevice[] = [];
  beforeAll(async () => {
    controlPlane = await startControlPlane({ env: { SARTOR_ENROLMENTS_PER_MINUTE: "1000" } });
    for (const [version, seed] of [
      ["1.0.0", 1],
      ["2.0.0", 2],
    ] as const) {
      await register(controlPlane, buildTinyClassifier({ name: "tiny", version, goldenVectors: 2, seed }));
    }
  });
  afterEach(async () => {
    for (const device of connected.splice(0)) await device.disconnect();
  });
  afterAll(() => controlPlane.stop());

  async function enter(): Promise<ScriptedDevice> {
    const device = await ScriptedDevice.enrol(controlPlane);
    await device.connect();
    connected.push(device);
    return device;
  }

  const send = async (device: ScriptedDevice, version = "1.0.0") => {
    const request = { name: version, model: "tiny", version, devices: [device.id], tailoring: { tune: "never" } };
    const { status, body } = await rest<RolloutSummary>(controlPlane, "POST", "/api/v1/rollouts", request);
    expect(status, JSON.stringify(body)).toBe(201);
    return body.rolloutId;
  };
  const codeOf = async (reply: Response) => [reply.status, ((await reply.json()) as ErrorReply).error.code];

  it("are for it alone: the order, and every bundle in it with its device, its hardware, its release and its rollout", async () => {
    const device = await enter();
    const rolloutId = await send(device);
    const { bundle } = await device.told(rolloutId);
    const director = await readDirector(controlPlane, device.identity);
    expect(director?.desired.deviceId).toBe(device.id);
    expect(Object.fromEntries(director?.bundles ?? [])).toEqual({
      [bundleTargetPath(bundle)]: {
        schemaVersion: 1,
        deviceId: device.id,
        hardware: "linux-x64",
        releaseCounter: 1,
        purpose: "deployment",
        rolloutId,
      },
    });
    // Under the director's name of it lies the manifest that the bundle's id is the digest of.
    const [model, version, file] = bundleTargetPath(bundle).split("/");
    const hash = bundle.bundleId.replace("sha256:", "");
    for (const base of [TRUST_PATHS.director(device.id), TRUST_PATHS.image]) {
      const reply = await device.get(`${base}/targets/${model}/${version}/${hash}.${file}`);
      expect(digestOf(new Uint8Array(await reply.arrayBuffer()))).toBe(bundle.bundleId);
    }
  });

  it("are not to be read by another device, nor by who is none, nor by operators' credentials", async () => {
    const [device, other] = [await enter(), await enter()];
    await device.told(await send(device));
    const base = TRUST_PATHS.director(device.id);
    const director = await readDirector(controlPlane, device.identity);
    const hash = "0".repeat(64);
    const files = [
      "metadata/timestamp.json",
      "metadata/1.root.json",
      `metadata/${director?.version}.snapshot.json`,
      `metadata/${director?.version}.targets.json`,
      `targets/${hash}.${ORDER_TARGET}`,
      `targets/tiny/1.0.0/${hash}.${hash}.json`,
    ];
    const { ca } = device.identity.credential;
    const stranger = { ca, client: await (await TestAuthority.create()).makeDevice(device.id) };
    for (const file of files) {
      const path = `${base}/${file}`;
      expect(await codeOf(await other.get(path)), file).toEqual([403, "SRT_FORBIDDEN"]);
      expect(await codeOf(await callAsDevice(controlPlane, { ca }, path)), file).toEqual([401, "SRT_UNAUTHENTICATED"]);
      const forged = await callAsDevice(controlPlane, stranger, path);
      expect(await codeOf(forged), file).toEqual([401, "SRT_CERTIFICATE_UNKNOWN"]);
      expect((await rest(controlPlane, "GET", path)).status, file).toBeGreaterThanOrEqual(401);
    }
    // And what the other one may read says nothing of this one.
    expect((await readOrder(controlPlane, other.identity))?.deployment).toBeNull();
  });

  it("are there before the hint of them is: what is announced can be read at once", async () => {
    const device = await enter();
    const seen: { nudge: Nudge; read: number | undefined }[] = [];
    const session = await connectDevice(device.identity, { clean: true });
    session.on("message", (_topic, payload) => {
      const nudge = nudgeSchema.parse(JSON.parse(payload.toString()));
      void readOrder(controlPlane, device.identity).then((order) => seen.push({ nudge, read: order?.generation }));
    });
    await session.subscribeAsync(topicOf(device.id, "nudge"), { qos: 1 });
    for (const version of ["1.0.0", "2.0.0", "1.0.0"]) await send(device, version);
    const last = await waitFor("the last of three orders", async () => {
      const order = await readOrder(controlPlane, device.identity);
      return order?.deployment !== null && seen.some(({ nudge }) => nudge.generation >= 4) && order;
    });
    expect(last?.deployment?.bundle.version).toBe("1.0.0");
    for (const { nudge, read } of seen) {
      expect(nudge).toEqual({ schemaVersion: 1, deviceId: device.id, generation: nudge.generation });
      expect(read).toBeGreaterThanOrEqual(nudge.generation);
    }
    await session.endAsync();
  });

  it("of a device that was away: it learns the newest, once, and none of those before it", async () => {
    const device = await enter();
    await device.wants("its first order", () => true);
    await device.disconnect();
    for (const version of ["1.0.0", "2.0.0", "1.0.0"]) await send(device, version);
    const rolloutId = await send(device, "2.0.0");
    await waitFor("the last order", async () => {
      return (await readOrder(controlPlane, device.identity))?.deployment?.rolloutId === rolloutId;
    });
    const back = device.at(controlPlane);
    connected.push(back);
    await back.connect();
    expect((await back.told()).rolloutId).toBe(rolloutId);
    expect(back.desired).toHaveLength(1);
  });

  it("end with the device: nothing of it is served any more, and its hints are closed to it", async () => {
    const device = await enter();
    await device.told(await send(device));
    expect((await rest(controlPlane, "DELETE", `/api/v1/devices/${device.id}`)).status).toBe(204);
    const path = `${TRUST_PATHS.director(device.id)}/metadata/timestamp.json`;
    expect((await codeOf(await device.get(path)))[0]).toBe(401);
    await expect(connectDevice(device.identity)).rejects.toThrow();
  });
});
