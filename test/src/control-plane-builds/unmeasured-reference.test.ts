import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startControlPlane } from "@sartor/control-plane";
import { Settings, SettingsReader } from "@sartor/control-plane/config";
import { Database } from "@sartor/control-plane/database";
import type { VariantCard } from "@sartor/shared/protocol";
import { expect, it } from "vitest";
import { rest } from "../support/enrolled-device.js";
import { ended, order, VERSION } from "./building.js";
import { prepare } from "./samples.js";

interface Tables {
  model_variant: { card: string };
  variant_build: { build_id: string; status: string; finished_at: number | null };
}

it("a build that was cut off after fp32 was made and before it was measured measures it when it goes on", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "sartor-unmeasured-"));
  const env = {
    SARTOR_STATE_DIR: stateDir,
    SARTOR_HTTP_PORT: "0",
    SARTOR_DEVICE_PORT: "0",
    SARTOR_MQTT_PORT: "0",
    SARTOR_LOG_LEVEL: "error",
    SARTOR_BUILD_AUTOMATICALLY: "false",
  };
  const start = async () => {
    const started = await startControlPlane(new Settings(new SettingsReader(env)));
    return { ...started, stateDir, kill: () => Promise.reject(new Error("not a process")) };
  };
  const cardOf = async (controlPlane: Awaited<ReturnType<typeof start>>) =>
    (await rest<VariantCard>(controlPlane, "GET", `${VERSION}/variants/fp32/card`)).body;

  const before = await start();
  await prepare(before);
  const unmeasured = await cardOf(before);
  expect(unmeasured.accuracy).toBeNull();
  const { buildId } = (await order(before, { variants: ["fp32"] })).body;
  expect((await ended(before, buildId)).status).toBe("succeeded");
  const measured = await cardOf(before);
  expect(measured.accuracy?.dataset.samples).toBe(120);
  // What is there when the process ends between the two.
  const db = before.app.get(Database).tables<Tables>();
  await db
    .updateTable("model_variant")
    .set({ card: JSON.stringify(unmeasured) })
    .execute();
  await db
    .updateTable("variant_build")
    .set({ status: "in_progress", finished_at: null })
    .where("build_id", "=", buildId)
    .execute();
  await before.stop();

  const after = await start();
  expect((await ended(after, buildId)).status).toBe("succeeded");
  expect((await cardOf(after)).accuracy).toEqual(measured.accuracy);
  await after.stop();
  await rm(stateDir, { recursive: true, force: true });
});
