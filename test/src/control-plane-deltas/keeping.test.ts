import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startControlPlane as start } from "@sartor/control-plane";
import { Settings, SettingsReader } from "@sartor/control-plane/config";
import { Database } from "@sartor/control-plane/database";
import { DeltaStore, type DeltaTables } from "@sartor/control-plane/deltas";
import type { RolloutSummary } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import { startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { digestOf } from "../support/registering.js";
import { drawn, fineTuned } from "../support/tuned-models.js";
import { waitFor } from "../support/wait-for.js";
import { apply, ask, bundleOf, errorOf, type KnownBundle, madeOf, metric, networkOf, pathOf } from "./delta-fleet.js";

const targetOf = ({ manifest, model }: KnownBundle) => ({
  digest: model,
  bytes: manifest.files.find(({ digest }) => digest === model)?.bytes ?? 0,
});

describe("differences", () => {
  let stateDir: string;
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "sartor-deltas-"));
  });
  afterEach(() => rm(stateDir, { recursive: true, force: true }));

  /** The control plane in this process, with a way to its inside. */
  async function startHere(env: Record<string, string> = {}) {
    const ports = { SARTOR_HTTP_PORT: "0", SARTOR_DEVICE_PORT: "0", SARTOR_MQTT_PORT: "0" };
    const all = { SARTOR_STATE_DIR: stateDir, SARTOR_LOG_LEVEL: "error", ...ports, ...env };
    const started = await start(new Settings(new SettingsReader(all)));
    return { ...started, stateDir, kill: () => Promise.reject(new Error("not a process")) };
  }

  it("survive a control plane that is killed while it makes one: the next makes it, unasked", async () => {
    const controlPlane = await startControlPlane({ stateDir, process: true, signing: false });
    const device = await ScriptedDevice.enrol(controlPlane);
    // Large enough that making it takes a while.
    const model = drawn("1.0.0", 1, 20_000);
    const old = await bundleOf(controlPlane, device, model);
    const tuned = await bundleOf(controlPlane, device, await fineTuned(model, "1.0.1", 5));
    const path = pathOf(tuned, [old]);
    expect((await device.get(path)).status).toBe(202);
    // From then on it is noted that it is being made.
    await waitFor(
      "its making to begin",
      async () => (await readdir(join(stateDir, "differencing"))).length > 0,
      10_000,
      5,
    );
    await controlPlane.kill();

    const again = await startControlPlane({ stateDir, process: true, signing: false });
    await waitFor("the difference", async () => (await metric(again, madeOf("ready"))) === 1);
    const reply = await device.at(again).get(path);
    expect(reply.status).toBe(200);
    const held = new Map([[old.model, await networkOf(device.at(again), old)]]);
    const content = await apply(new Uint8Array(await reply.arrayBuffer()), targetOf(tuned), held);
    expect(digestOf(content)).toBe(tuned.model);
    await again.stop();
  });

  it("that are not used make room for others, and are made again when they are asked for", async () => {
    // Room for one of some 8 kB.
    const controlPlane = await startHere({ SARTOR_DELTA_STORE_BYTES: "14000" });
    const device = await ScriptedDevice.enrol(controlPlane);
    const model = drawn("1.0.0");
    const old = await bundleOf(controlPlane, device, model);
    const paths: string[] = [];
    for (const version of ["1.0.1", "1.0.2"]) {
      const bundle = await bundleOf(controlPlane, device, await fineTuned(model, version, paths.length + 5));
      paths.push(pathOf(bundle, [old]));
    }
    const [first = "", second = ""] = paths;
    const sizes: number[] = [];
    for (const path of [first, second, first]) {
      expect((await device.get(path)).status).toBe(202);
      const reply = await ask(device, path);
      expect(reply.status).toBe(200);
      sizes.push((await reply.arrayBuffer()).byteLength);
      expect(await metric(controlPlane, "sartor_delta_store_bytes")).toBe(sizes.at(-1));
    }
    expect(sizes[2]).toBe(sizes[0]);
    expect(await metric(controlPlane, madeOf("ready"))).toBe(3);
    await controlPlane.stop();
  });

  it("go with the version that they lead to, and bundles of an older release have them too", async () => {
    const before = await startHere();
    const device = await ScriptedDevice.enrol(before);
    const model = drawn("1.0.0");
    const old = await bundleOf(before, device, model);
    const tuned = await bundleOf(before, device, await fineTuned(model, "1.0.1", 5));
    // An older release did not keep which files a bundle has.
    await before.app.get(Database).tables<DeltaTables>().deleteFrom("bundle_file").execute();
    expect((await device.get(pathOf(tuned, [old]))).status).toBe(404);
    await before.stop();

    const controlPlane = await startHere();
    const known = device.at(controlPlane);
    expect((await ask(known, pathOf(tuned, [old]))).status).toBe(200);
    const db = controlPlane.app.get(Database).tables<DeltaTables>();
    await db.deleteFrom("bundle").where("bundle_id", "=", old.bundleId).execute();
    await controlPlane.app.get(DeltaStore, { strict: false }).sweep();
    expect(await db.selectFrom("delta").selectAll().execute()).toEqual([]);
    const owned = db.selectFrom("blob_reference").selectAll().where("owner", "like", "delta:%");
    expect(await owned.execute()).toEqual([]);
    expect(await errorOf(await known.get(pathOf(tuned, [old])))).toMatchObject({
      status: 404,
      code: "SRT_BLOB_UNKNOWN",
    });
    await controlPlane.stop();
  });

  it("are not offered at all where an operator wants none", async () => {
    const controlPlane = await startHere({ SARTOR_DELTA_STORE_BYTES: "0" });
    const device = await ScriptedDevice.enrol(controlPlane);
    const model = drawn("1.0.0");
    const old = await bundleOf(controlPlane, device, model);
    const tuned = await bundleOf(controlPlane, device, await fineTuned(model, "1.0.1", 5));
    const { bytes } = targetOf(tuned);
    expect(await errorOf(await device.get(pathOf(tuned, [old])))).toEqual({
      status: 409,
      code: "SRT_DELTA_NOT_OFFERED",
      details: { reason: "switched_off", fullBytes: bytes, chunkBytes: null },
    });
    await controlPlane.stop();
  });

  it("that take longer or more memory to make than they may are given up, and the control plane lives on", async () => {
    const controlPlane = await startHere({ SARTOR_DELTA_MEMORY_BYTES: String(2 ** 25) });
    const device = await ScriptedDevice.enrol(controlPlane);
    const model = drawn("1.0.0");
    const old = await bundleOf(controlPlane, device, model);
    const tuned = await bundleOf(controlPlane, device, await fineTuned(model, "1.0.1", 5));
    expect(await errorOf(await ask(device, pathOf(tuned, [old])))).toMatchObject({
      status: 409,
      details: { reason: "could_not_be_made" },
    });
    expect(await metric(controlPlane, madeOf("could_not_be_made"))).toBe(1);
    await controlPlane.stop();
  });

  it("are there before a wave's devices ask, for what these hold", async () => {
    const controlPlane = await startControlPlane();
    const device = await ScriptedDevice.enrol(controlPlane);
    await device.connect();
    const model = drawn("1.0.0");
    const old = await bundleOf(controlPlane, device, model);
    const rollOut = async (version: string) => {
      const request = { name: `to ${version}`, model: "tuned", version, devices: [device.id] };
      const { status, body } = await rest<RolloutSummary>(controlPlane, "POST", "/api/v1/rollouts", request);
      expect(status, JSON.stringify(body)).toBe(201);
      return device.told(body.rolloutId);
    };
    await device.report(await rollOut("1.0.0"), { status: "succeeded", step: "done" });
    const tuned = await bundleOf(controlPlane, device, await fineTuned(model, "1.0.1", 5));
    // What it reported is stored when it is acknowledged, so before this rollout.
    await rollOut("1.0.1");
    await waitFor("the difference", async () => (await metric(controlPlane, madeOf("ready"))) === 1);
    expect((await device.get(pathOf(tuned, [old]))).status).toBe(200);
    await device.disconnect();
    await controlPlane.stop();
  });
});
