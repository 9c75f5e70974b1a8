import type { RolloutSummary } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { readDirector } from "../support/orders.js";
import { register } from "../support/registering.js";
import { Signer } from "../support/signing.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

describe("a downgrade that is meant", () => {
  let controlPlane: RunningControlPlane;
  let people: Signer;
  let devices: readonly [ScriptedDevice, ScriptedDevice];
  beforeAll(async () => {
    controlPlane = await startControlPlane({ signing: false });
    people = new Signer(() => controlPlane);
    await people.ceremony();
    for (const [version, seed] of [
      ["1.0.0", 1],
      ["2.0.0", 2],
    ] as const) {
      await register(controlPlane, buildTinyClassifier({ name: "tiny", version, goldenVectors: 2, seed }));
      await people.signed("tiny", version);
    }
    devices = [await ScriptedDevice.enrol(controlPlane), await ScriptedDevice.enrol(controlPlane)];
    for (const device of devices) await device.connect();
  });
  afterAll(async () => {
    for (const device of devices) await device.disconnect();
    await controlPlane.stop();
  });

  const countersOf = async (device: ScriptedDevice) => {
    const director = await readDirector(controlPlane, device.identity);
    return [...(director?.bundles.values() ?? [])].map(({ releaseCounter }) => releaseCounter);
  };
  const send = async (version: string) => {
    const request = { name: version, model: "tiny", version, devices: devices.map(({ id }) => id) };
    const { body } = await rest<RolloutSummary>(controlPlane, "POST", "/api/v1/rollouts", {
      ...request,
      tailoring: { tune: "never" },
    });
    for (const device of devices) await device.told(body.rolloutId);
  };

  it("a newer version is a higher release, in every device's own metadata", async () => {
    await send("1.0.0");
    for (const device of devices) expect(await countersOf(device)).toEqual([1]);
    await send("2.0.0");
    for (const device of devices) expect(await countersOf(device)).toEqual([2]);
  });

  it("the old version released again: every device that is to have it finds the higher counter once it is signed, and not before", async () => {
    await send("1.0.0");
    const before = await Promise.all(devices.map((device) => readDirector(controlPlane, device.identity)));
    const { releaseCounter } = await people.trust.release("tiny", "1.0.0", true);
    expect(releaseCounter).toBe(3);
    for (const device of devices) expect(await countersOf(device)).toEqual([1]);

    await people.signAll();
    for (const [index, device] of devices.entries()) {
      const after = await waitFor("the higher counter", async () => {
        const director = await readDirector(controlPlane, device.identity);
        return [...(director?.bundles.values() ?? [])].some((said) => said.releaseCounter === 3) && director;
      });
      // The order is the same; what is signed about it is newer.
      expect(after.desired).toEqual(before[index]?.desired);
      expect(after.version).toBeGreaterThan(before[index]?.version ?? Number.POSITIVE_INFINITY);
      expect([...after.bundles.keys()]).toEqual([...(before[index]?.bundles.keys() ?? [])]);
    }
  });

  it("a device that is told of it later gets the higher counter at once", async () => {
    const late = await ScriptedDevice.enrol(controlPlane);
    await late.connect();
    const request = { name: "late", model: "tiny", version: "1.0.0", devices: [late.id], tailoring: { tune: "never" } };
    const { body } = await rest<RolloutSummary>(controlPlane, "POST", "/api/v1/rollouts", request);
    await late.told(body.rolloutId);
    expect(await countersOf(late)).toEqual([3]);
    await late.disconnect();
  });
});
