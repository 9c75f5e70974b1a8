import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startControlPlane } from "@sartor/control-plane";
import { Clock, Settings, SettingsReader } from "@sartor/control-plane/config";
import { Database } from "@sartor/control-plane/database";
import { EventBus } from "@sartor/control-plane/events";
import { BlobCatalog } from "@sartor/control-plane/models";
import type { ErrorReply, ModelVersionView } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { rest } from "../support/enrolled-device.js";
import { digestOf, register, upload } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { ScriptedDevice } from "./scripted-device.js";

class MovableClock extends Clock {
  ahead = 0;
  override now(): number {
    return Date.now() + this.ahead;
  }
}

const VERSION = "/api/v1/models/tiny/versions/1.0.0";
const tiny = buildTinyClassifier({ goldenVectors: 2 });

describe("what the control plane keeps", () => {
  let stateDir: string;
  const clock = new MovableClock();
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "sartor-keep-"));
    clock.ahead = 0;
  });
  afterEach(() => rm(stateDir, { recursive: true, force: true }));

  /** The control plane in this process, with a way to its inside. */
  async function start() {
    const env = {
      SARTOR_STATE_DIR: stateDir,
      SARTOR_HTTP_PORT: "0",
      SARTOR_DEVICE_PORT: "0",
      SARTOR_MQTT_PORT: "0",
      SARTOR_LOG_LEVEL: "error",
    };
    const started = await startControlPlane(new Settings(new SettingsReader(env)), clock);
    return { ...started, stateDir, kill: () => Promise.reject(new Error("not a process")) };
  }

  it("content that nothing refers to is removed after a day, and a model's never", async () => {
    const controlPlane = await start();
    // Before its clock moves: TLS goes by the machine's.
    const device = await ScriptedDevice.enrol(controlPlane);
    const version = (await register(controlPlane, tiny)).body;
    const lonely = (await upload(controlPlane, new TextEncoder().encode("nobody needs this"))).body.digest;
    const catalog = controlPlane.app.get(BlobCatalog, { strict: false });
    clock.ahead = 23 * 3_600_000;
    expect(await catalog.collect()).toBe(0);
    const fresh = (await upload(controlPlane, new TextEncoder().encode("new today"))).body.digest;
    clock.ahead = 25 * 3_600_000;
    expect(await catalog.collect()).toBe(1);
    await expect(catalog.hold(lonely)).rejects.toMatchObject({ code: "SRT_BLOB_UNKNOWN" });
    expect(await catalog.hold(fresh)).toBe(9);
    const { files } = await device.download(version.variants[0]?.bundleId ?? "");
    expect(digestOf(files.get("model.onnx") ?? new Uint8Array())).toBe(version.variants[0]?.digest);
    await controlPlane.stop();
  });

  it("nothing of a version whose bundle could not be cut, and it can be registered again", async () => {
    const controlPlane = await start();
    const fail = controlPlane.app.get(EventBus).on("variant.built", () => Promise.reject(new Error("disk on fire")));
    const failed = await register(controlPlane, tiny);
    expect([failed.status, failed.body.error.code]).toEqual([500, "SRT_INTERNAL"]);
    expect(JSON.stringify(failed.body)).not.toContain("fire");
    expect((await rest<ErrorReply>(controlPlane, "GET", VERSION)).body.error.code).toBe("SRT_MODEL_UNKNOWN");
    fail();
    expect((await register(controlPlane, tiny)).status).toBe(201);
    await controlPlane.stop();
  });

  it("nothing of a version whose registration was cut off by a crash", async () => {
    const before = await start();
    const { bundleId } = (await register(before, tiny)).body.variants[0] ?? { bundleId: "" };
    // What a crash leaves just before the version would have become visible.
    const db = before.app.get(Database).tables<{ model_version: { ready_at: number | null } }>();
    await db.updateTable("model_version").set({ ready_at: null }).execute();
    await before.stop();

    const after = await start();
    expect((await rest<ErrorReply>(after, "GET", VERSION)).body.error.code).toBe("SRT_MODEL_UNKNOWN");
    clock.ahead = 25 * 3_600_000;
    // The model as uploaded and folded, golden vectors (each its own only chunk, too) and the bundle's manifest.
    expect(await after.app.get(BlobCatalog, { strict: false }).collect()).toBe(4);
    const again = await register(after, tiny);
    expect(again.status).toBe(201);
    expect((again.body as ModelVersionView).variants[0]?.bundleId).toBe(bundleId);
    await after.stop();
  });
});
