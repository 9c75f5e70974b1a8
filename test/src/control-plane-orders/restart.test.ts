import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nudgeSchema, type RolloutSummary, topicOf } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import { startControlPlane } from "../support/control-plane.js";
import { connectDevice, rest } from "../support/enrolled-device.js";
import { readDirector, readOrder } from "../support/orders.js";
import { register } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

describe("a control plane that starts again", () => {
  let stateDir: string;
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "sartor-orders-"));
  });
  afterEach(() => rm(stateDir, { recursive: true, force: true }));

  it.each(["stop", "kill"] as const)(
    "after a %s serves the same signed orders, and its broker, which remembers nothing, hints at them again",
    async (end) => {
      const before = await startControlPlane({ stateDir, process: true });
      await register(before, buildTinyClassifier({ goldenVectors: 2 }));
      const [told, idle] = [await ScriptedDevice.enrol(before), await ScriptedDevice.enrol(before)];
      for (const device of [told, idle]) await device.connect();
      const request = {
        name: "test",
        model: "tiny",
        version: "1.0.0",
        devices: [told.id],
        tailoring: { tune: "never" },
      };
      const { body } = await rest<RolloutSummary>(before, "POST", "/api/v1/rollouts", request);
      await told.told(body.rolloutId);
      await idle.wants("its first order", () => true);
      const directors = new Map(
        await Promise.all(
          [told, idle].map(async (device) => [device.id, await readDirector(before, device.identity)] as const),
        ),
      );
      await before[end]();
      for (const device of [told, idle]) await device.disconnect();

      const after = await startControlPlane({ stateDir, process: true });
      try {
        for (const device of [told, idle]) {
          const was = directors.get(device.id);
          expect(await readDirector(after, device.identity)).toEqual(was);
          const session = await connectDevice({ ...device.identity, mqttUrl: after.mqttUrl });
          const heard: number[] = [];
          session.on("message", (_topic, payload) => {
            heard.push(nudgeSchema.parse(JSON.parse(payload.toString())).generation);
          });
          await session.subscribeAsync(topicOf(device.id, "nudge"), { qos: 1 });
          await waitFor("the hint", () => heard.length > 0);
          expect(new Set(heard)).toEqual(new Set([was?.desired.generation]));
          await session.endAsync();
        }
        // And it goes on from there: the next order is a newer one.
        const again = told.at(after);
        await again.connect();
        await rest(after, "POST", `/api/v1/rollouts/${body.rolloutId}/cancel`);
        await again.wants("no deployment", ({ deployment }) => deployment === null);
        const next = await readOrder(after, told.identity);
        expect(next?.generation).toBeGreaterThan(
          directors.get(told.id)?.desired.generation ?? Number.POSITIVE_INFINITY,
        );
        await again.disconnect();
      } finally {
        await after.stop();
      }
    },
  );
});
