import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startControlPlane } from "@sartor/control-plane";
import { Clock, Settings, SettingsReader } from "@sartor/control-plane/config";
import { BlobCatalog } from "@sartor/control-plane/models";
import { expect, it } from "vitest";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { register, upload } from "./registering.js";
import { ScriptedDevice } from "./scripted-device.js";

class MovableClock extends Clock {
  ahead = 0;
  override now(): number {
    return Date.now() + this.ahead;
  }
}

it("content that nothing refers to is removed after a day, and a model's never", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "sartor-collect-"));
  const clock = new MovableClock();
  const env = { SARTOR_STATE_DIR: stateDir, SARTOR_HTTP_PORT: "0", SARTOR_MQTT_PORT: "0", SARTOR_LOG_LEVEL: "error" };
  const started = await startControlPlane(new Settings(new SettingsReader(env)), clock);
  const controlPlane = { ...started, stateDir, kill: () => Promise.reject(new Error("not a process")) };
  try {
    const tiny = buildTinyClassifier({ goldenVectors: 2 });
    const version = (await register(controlPlane, tiny)).body;
    const lonely = (await upload(controlPlane, new TextEncoder().encode("nobody needs this"))).body.digest;
    const catalog = started.app.get(BlobCatalog, { strict: false });
    clock.ahead = 23 * 3_600_000;
    expect(await catalog.collect()).toBe(0);
    const fresh = (await upload(controlPlane, new TextEncoder().encode("new today"))).body.digest;
    clock.ahead = 25 * 3_600_000;
    expect(await catalog.collect()).toBe(1);
    await expect(catalog.hold(lonely)).rejects.toMatchObject({ code: "SRT_BLOB_UNKNOWN" });
    expect(await catalog.hold(fresh)).toBe(9);
    const device = await ScriptedDevice.enrol(controlPlane);
    const { files } = await device.download(version.variants[0]?.bundleId ?? "");
    expect(files.get("model.onnx")).toEqual(Buffer.from(tiny.onnx));
  } finally {
    await started.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
});
