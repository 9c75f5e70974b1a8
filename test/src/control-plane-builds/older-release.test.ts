import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startControlPlane } from "@sartor/control-plane";
import { Settings, SettingsReader } from "@sartor/control-plane/config";
import { Database } from "@sartor/control-plane/database";
import type { VariantCard } from "@sartor/shared/protocol";
import { expect, it } from "vitest";
import { rest } from "../support/enrolled-device.js";
import { register } from "../support/registering.js";
import { waitFor } from "../support/wait-for.js";
import { VERSION, version } from "./building.js";
import { classifier } from "./samples.js";

it("a version that an older release registered gets its card at the next start, and stays offered all the while", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "sartor-older-"));
  const env = {
    SARTOR_STATE_DIR: stateDir,
    SARTOR_HTTP_PORT: "0",
    SARTOR_DEVICE_PORT: "0",
    SARTOR_MQTT_PORT: "0",
    SARTOR_LOG_LEVEL: "error",
  };
  const start = async () => {
    const started = await startControlPlane(new Settings(new SettingsReader(env)));
    return { ...started, stateDir, kill: () => Promise.reject(new Error("not a process")) };
  };
  const before = await start();
  const registered = (await register(before, classifier())).body;
  // What a version looks like that was registered before there were cards.
  const db = before.app
    .get(Database)
    .tables<{ model_variant: { card: null; golden: null }; model_version: { macs: null } }>();
  await db.updateTable("model_variant").set({ card: null, golden: null }).execute();
  await db.updateTable("model_version").set({ macs: null }).execute();
  await before.stop();

  const after = await start();
  expect((await version(after)).variants).toEqual(registered.variants);
  await waitFor("the card", async () => (await rest(after, "GET", `${VERSION}/variants/fp32/card`)).status === 200);
  const card = (await rest<VariantCard>(after, "GET", `${VERSION}/variants/fp32/card`)).body;
  expect(card.cost.macs).toBe(registered.macs);
  await waitFor("the view", async () => (await version(after)).macs === registered.macs);
  expect(await version(after)).toEqual(registered);
  await after.stop();
  await rm(stateDir, { recursive: true, force: true });
});
