import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  DeviceDeploymentView,
  DeviceDetail,
  ErrorReply,
  ModelVersionView,
  Page,
  RolloutDetail,
  RolloutRequest,
  RolloutSummary,
} from "@sartor/shared/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { digestOf, register } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { ScriptedDevice } from "./scripted-device.js";

const first = buildTinyClassifier({ name: "tiny", version: "1.0.0", goldenVectors: 2 });
const second = buildTinyClassifier({ name: "tiny", version: "2.0.0", goldenVectors: 2, seed: 2 });

async function order(
  controlPlane: RunningControlPlane,
  devices: RolloutRequest["devices"],
  changes: Partial<RolloutRequest> = {},
): Promise<RolloutSummary> {
  const request: RolloutRequest = { name: "test", model: "tiny", version: "1.0.0", devices, ...changes };
  const { status, body } = await rest<RolloutSummary>(controlPlane, "POST", "/api/v1/rollouts", request);
  expect(status, JSON.stringify(body)).toBe(201);
  return body;
}

const detailOf = async (controlPlane: RunningControlPlane, rolloutId: string) =>
  (await rest<RolloutDetail>(controlPlane, "GET", `/api/v1/rollouts/${rolloutId}`)).body;

const ended = (controlPlane: RunningControlPlane, rolloutId: string) =>
  waitFor(`the end of rollout ${rolloutId}`, async () => {
    const detail = await detailOf(controlPlane, rolloutId);
    return detail.status !== "running" && detail;
  });

const inStatus = (controlPlane: RunningControlPlane, rolloutId: string, status: string) =>
  waitFor(`a deployment that is ${status}`, async () =>
    (await detailOf(controlPlane, rolloutId)).deployments.find((deployment) => deployment.status === status),
  );

describe("a rollout", () => {
  let controlPlane: RunningControlPlane;
  let ahead = 0;
  const connected: ScriptedDevice[] = [];
  beforeAll(async () => {
    controlPlane = await startControlPlane({
      now: () => Date.now() + ahead,
      env: { SARTOR_ENROLMENTS_PER_MINUTE: "1000", SARTOR_TELEMETRY_WINDOW_SECONDS: "7" },
    });
    for (const model of [first, second]) expect((await register(controlPlane, model)).status).toBe(201);
  });
  afterEach(async () => {
    for (const device of connected.splice(0)) await device.disconnect();
  });
  afterAll(() => controlPlane.stop());

  async function join(name?: string): Promise<ScriptedDevice> {
    const device = await ScriptedDevice.enrol(controlPlane, name);
    await device.connect();
    connected.push(device);
    return device;
  }

  it("tells a device from its first connect how long its telemetry windows are", async () => {
    const device = await join();
    const desired = await device.wants("a window", () => true);
    expect(desired).toMatchObject({ generation: 1, deployment: null, telemetry: { windowSeconds: 7 } });
  });

  it("brings a bundle to a device, follows its steps and succeeds with its proof", async () => {
    const device = await join("Gate");
    const { rolloutId } = await order(controlPlane, [device.id]);
    const deployment = await device.told(rolloutId);
    expect(deployment.bundle).toMatchObject({ model: "tiny", version: "1.0.0" });
    const { files } = await device.download(deployment.bundle.bundleId);
    const { variants } = (await rest<ModelVersionView>(controlPlane, "GET", "/api/v1/models/tiny/versions/1.0.0")).body;
    expect(digestOf(files.get("model.onnx") ?? new Uint8Array())).toBe(variants[0]?.digest);

    const progress = { doneBytes: 10, totalBytes: 100 };
    await device.report(deployment, { progress });
    expect(await inStatus(controlPlane, rolloutId, "in_progress")).toMatchObject({
      deviceName: "Gate",
      step: "downloading",
      progress,
      error: null,
    });
    await device.report(deployment, { status: "succeeded", step: "done" }, { serving: { state: "starting" } });
    expect((await detailOf(controlPlane, rolloutId)).status).toBe("running");
    await device.report(deployment, { status: "succeeded", step: "done" });
    const end = await ended(controlPlane, rolloutId);
    expect(end).toMatchObject({ status: "succeeded", counts: { succeeded: 1, queued: 0 } });
    expect(end.finishedAt).not.toBeNull();
    const { body } = await rest<DeviceDetail>(controlPlane, "GET", `/api/v1/devices/${device.id}`);
    expect(body).toMatchObject({
      deployment: { rolloutId, status: "succeeded", step: "done" },
      desiredGeneration: device.desired.at(-1)?.generation,
    });
  });

  it("fails when its device fails, and sends the device back to what it proved before", async () => {
    const device = await join();
    const good = await order(controlPlane, [device.id]);
    const before = await device.told(good.rolloutId);
    await device.report(before, { status: "succeeded", step: "done" });
    await ended(controlPlane, good.rolloutId);

    const bad = await order(controlPlane, [device.id], { version: "2.0.0" });
    const deployment = await device.told(bad.rolloutId);
    const error = { code: "SRT_PROBE_FAILED", message: "golden vectors differ" };
    await device.report(deployment, { status: "failed", step: "done", error });
    expect(await ended(controlPlane, bad.rolloutId)).toMatchObject({ status: "failed", deployments: [{ error }] });
    const back = await device.wants("the bundle before", ({ deployment: now }) => now?.rolloutId === good.rolloutId);
    expect(back.deployment?.deploymentId).toBe(before.deploymentId);
    const generations = device.desired.map(({ generation }) => generation);
    expect(generations).toEqual([...generations].sort((a, b) => a - b));
  });

  it("counts a device that never answers as timed out, and takes the offer back", async () => {
    const device = await join();
    const { rolloutId } = await order(controlPlane, [device.id], { deadlineSeconds: 60 });
    await device.told(rolloutId);
    ahead += 61_000;
    const end = await ended(controlPlane, rolloutId);
    expect(end).toMatchObject({
      status: "failed",
      deployments: [{ status: "timed_out", step: "waiting", error: { code: "SRT_DEPLOYMENT_TIMED_OUT" } }],
    });
    await device.wants("no deployment", ({ deployment }) => deployment === null);
  });

  it("is canceled: what was under way stops, the device is told, the end stays the end", async () => {
    const device = await join();
    const { rolloutId } = await order(controlPlane, [device.id]);
    const deployment = await device.told(rolloutId);
    await device.report(deployment, {});
    const cancel = `/api/v1/rollouts/${rolloutId}/cancel`;
    expect((await rest(controlPlane, "POST", cancel)).status).toBe(202);
    const end = await ended(controlPlane, rolloutId);
    expect(end).toMatchObject({ status: "canceled", deployments: [{ status: "canceled" }] });
    await device.wants("no deployment", ({ deployment: now }) => now === null);
    await device.report(deployment, { status: "succeeded", step: "done" });
    expect((await detailOf(controlPlane, rolloutId)).deployments[0]?.status).toBe("canceled");
    const again = await rest<ErrorReply>(controlPlane, "POST", cancel);
    expect([again.status, again.body.error.code]).toEqual([409, "SRT_CONFLICT"]);
  });

  it("gives way to a newer one, with its name as the reason, and a stuck device blocks no other", async () => {
    const [stuck, other] = [await join(), await join()];
    const older = await order(controlPlane, [stuck.id, other.id]);
    await stuck.report(await stuck.told(older.rolloutId), { step: "probing" });
    await other.report(await other.told(older.rolloutId), { status: "succeeded", step: "done" });
    const newer = await order(controlPlane, [stuck.id, other.id], { version: "2.0.0" });
    for (const device of [stuck, other]) {
      await device.report(await device.told(newer.rolloutId), { status: "succeeded", step: "done" });
    }
    expect((await ended(controlPlane, newer.rolloutId)).status).toBe("succeeded");
    const end = await ended(controlPlane, older.rolloutId);
    expect(end.status).toBe("succeeded");
    expect(end.deployments.find(({ deviceId }) => deviceId === stuck.id)).toMatchObject({
      status: "canceled",
      error: { code: "SRT_DEPLOYMENT_SUPERSEDED", details: { byRolloutId: newer.rolloutId } },
    });
  });

  it("ignores a report of another device, and repeated or overtaken ones", async () => {
    const [device, liar] = [await join(), await join()];
    const { rolloutId } = await order(controlPlane, [device.id]);
    const deployment = await device.told(rolloutId);
    await liar.report(deployment, { status: "failed", step: "done" });
    const early = await device.report(deployment, { step: "downloading" });
    await device.report(deployment, { step: "probing" });
    await device.publish("reported", early);
    expect(await inStatus(controlPlane, rolloutId, "in_progress")).toMatchObject({ step: "probing" });
    await rest(controlPlane, "POST", `/api/v1/rollouts/${rolloutId}/cancel`);
  });

  it("goes above the generation that a device has seen, should ours be behind", async () => {
    const device = await join();
    const { rolloutId } = await order(controlPlane, [device.id]);
    const deployment = await device.told(rolloutId);
    await device.report(deployment, {}, { generation: 500 });
    await device.wants("a higher generation", ({ generation }) => generation === 501);
    await rest(controlPlane, "POST", `/api/v1/rollouts/${rolloutId}/cancel`);
    await device.wants("a still higher one", ({ generation, deployment: now }) => generation === 502 && now === null);
  });

  it("does not wait for a device that was removed from the fleet", async () => {
    const device = await join();
    const { rolloutId } = await order(controlPlane, [device.id]);
    await device.told(rolloutId);
    expect((await rest(controlPlane, "DELETE", `/api/v1/devices/${device.id}`)).status).toBeLessThan(300);
    expect(await ended(controlPlane, rolloutId)).toMatchObject({
      status: "canceled",
      deployments: [{ status: "canceled", deviceName: device.id }],
    });
  });

  it("tells of its devices page by page", async () => {
    const devices = [await join(), await join(), await join()];
    const { rolloutId } = await order(
      controlPlane,
      devices.map(({ id }) => id),
    );
    await waitFor("the deployments", async () => (await detailOf(controlPlane, rolloutId)).deployments.length === 3);
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query: string = `limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`;
      const { body } = await rest<Page<DeviceDeploymentView>>(
        controlPlane,
        "GET",
        `/api/v1/rollouts/${rolloutId}/deployments?${query}`,
      );
      expect(body.items.length).toBeLessThanOrEqual(2);
      seen.push(...body.items.map(({ deviceId }) => deviceId));
      cursor = body.nextCursor;
    }
    expect(seen).toEqual(devices.map(({ id }) => id).sort());
    await rest(controlPlane, "POST", `/api/v1/rollouts/${rolloutId}/cancel`);
  });

  it("keeps its counts once it ended", async () => {
    const device = await join();
    const { rolloutId } = await order(controlPlane, [device.id]);
    const counts = async () => {
      const { body } = await rest<Page<RolloutSummary>>(controlPlane, "GET", "/api/v1/rollouts?limit=1");
      return body.items[0]?.counts;
    };
    const deployment = await device.told(rolloutId);
    expect(await counts()).toMatchObject({ queued: 1, succeeded: 0 });
    await device.report(deployment, { status: "succeeded", step: "done" });
    await ended(controlPlane, rolloutId);
    for (let time = 0; time < 2; time++) expect(await counts()).toMatchObject({ queued: 0, succeeded: 1 });
  });

  it("is described as it answers: cancel with 202, chunks with ranges", async () => {
    const { body } = await rest<{ paths: Record<string, Record<string, { responses: Record<string, unknown> }>> }>(
      controlPlane,
      "GET",
      "/api/openapi.json",
    );
    const responses = (path: string, method: string) => Object.keys(body.paths[path]?.[method]?.responses ?? {});
    const cancel = responses("/api/v1/rollouts/{rolloutId}/cancel", "post");
    expect(cancel).toContain("202");
    expect(cancel).not.toContain("200");
    for (const path of ["/api/v1/chunks/{digest}", "/api/v1/bundles/{bundleId}/manifest"]) {
      expect(responses(path, "get")).toEqual(expect.arrayContaining(["200", "206", "304", "416"]));
    }
  });

  it.each<[string, Partial<RolloutRequest>, number, string]>([
    ["a model that does not exist", { model: "nothing" }, 404, "SRT_MODEL_UNKNOWN"],
    ["a version that does not exist", { version: "9.9.9" }, 404, "SRT_MODEL_UNKNOWN"],
    ["a device that does not exist", { devices: ["nobody"] }, 404, "SRT_DEVICE_UNKNOWN"],
    ["no devices", { devices: [] }, 400, "SRT_INVALID_REQUEST"],
    ["a deadline of no time", { deadlineSeconds: 0 }, 400, "SRT_INVALID_REQUEST"],
  ])("of %s is refused", async (_what, changes, status, code) => {
    const request = { name: "bad", model: "tiny", version: "1.0.0", devices: "all", ...changes };
    const reply = await rest<ErrorReply>(controlPlane, "POST", "/api/v1/rollouts", request);
    expect([reply.status, reply.body.error.code]).toEqual([status, code]);
  });

  it("is listed, newest first, in pages", async () => {
    const one = (await rest<Page<RolloutSummary>>(controlPlane, "GET", "/api/v1/rollouts?limit=2")).body;
    const two = (
      await rest<Page<RolloutSummary>>(controlPlane, "GET", `/api/v1/rollouts?limit=2&cursor=${one.nextCursor}`)
    ).body;
    const ids = [...one.items, ...two.items].map(({ rolloutId }) => rolloutId);
    expect(ids).toHaveLength(4);
    expect(ids).toEqual([...ids].sort().reverse());
    const unknown = await rest<ErrorReply>(controlPlane, "GET", "/api/v1/rollouts/01HZZZZZZZZZZZZZZZZZZZZZZZ");
    expect([unknown.status, unknown.body.error.code]).toEqual([404, "SRT_ROLLOUT_UNKNOWN"]);
  });
});

it("no device enrolled: a rollout to all is refused", async () => {
  const controlPlane = await startControlPlane();
  try {
    await register(controlPlane, first);
    const request = { name: "nobody", model: "tiny", version: "1.0.0", devices: "all" };
    const { status, body } = await rest<ErrorReply>(controlPlane, "POST", "/api/v1/rollouts", request);
    expect([status, body.error.code]).toEqual([422, "SRT_ROLLOUT_NO_DEVICES"]);
  } finally {
    await controlPlane.stop();
  }
});

it("a control plane that is killed in the middle of a rollout goes on with it after its restart", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "sartor-restart-"));
  try {
    const before = await startControlPlane({ stateDir, process: true });
    await register(before, first);
    const [early, late] = [await ScriptedDevice.enrol(before), await ScriptedDevice.enrol(before)];
    await early.connect();
    const { rolloutId } = await order(before, "all");
    const deployment = await early.told(rolloutId);
    await early.report(deployment, { step: "verifying" });
    await inStatus(before, rolloutId, "in_progress");
    await before.kill();
    await early.disconnect();

    const after = await startControlPlane({ stateDir, process: true });
    try {
      // The one that was at work hears the same again, under the same generation; the one that was away hears it now.
      const [earlyAgain, lateNow] = [early.at(after), late.at(after)];
      for (const device of [earlyAgain, lateNow]) {
        await device.connect();
        const told = await device.told(rolloutId);
        if (device === earlyAgain) expect(told).toEqual(deployment);
        await device.report(told, { status: "succeeded", step: "done" });
      }
      expect(earlyAgain.desired[0]?.generation).toBe(early.desired.at(-1)?.generation);
      expect(await ended(after, rolloutId)).toMatchObject({ status: "succeeded", counts: { succeeded: 2 } });
      for (const device of [earlyAgain, lateNow]) await device.disconnect();
    } finally {
      await after.stop();
    }
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
});
