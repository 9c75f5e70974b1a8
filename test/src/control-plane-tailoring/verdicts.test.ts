import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as path } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { DesiredDeployment, Page, RolloutSummary, RuntimeSettings, TuningOrder } from "@sartor/shared/protocol";
import { expect, it } from "vitest";
import type { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { register } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { inventoryOf, join, toldToTune, tuningReport, tuningsOf, tuningThatIs } from "./tailored-fleet.js";

const TINY = { model: "tiny", version: "1.0.0" };
const model = buildTinyClassifier({ name: "tiny", version: "1.0.0", goldenVectors: 2 });

const rolloutsOf = async (controlPlane: RunningControlPlane, origin: RolloutSummary["origin"]) => {
  const { body } = await rest<Page<RolloutSummary>>(controlPlane, "GET", "/api/v1/rollouts?limit=200");
  return body.items.filter((rollout) => rollout.origin === origin);
};

/** A device that serves and was asked to measure. */
async function measuring(
  controlPlane: RunningControlPlane,
): Promise<{ device: ScriptedDevice; serves: DesiredDeployment; order: TuningOrder; loser: string }> {
  const device = await join(controlPlane, inventoryOf("raspberry-pi-4"), "Gate");
  const { body } = await rest<RolloutSummary>(controlPlane, "POST", "/api/v1/rollouts", {
    name: "first",
    ...TINY,
    devices: [device.id],
    tailoring: { tune: "always" },
  });
  const serves = await device.told(body.rolloutId);
  await device.report(serves, { status: "succeeded", step: "done" });
  const order = await toldToTune(device);
  const loser = order.candidates.at(-1)?.candidateId ?? "";
  expect(order.candidates.length).toBeGreaterThan(1);
  return { device, serves, order, loser };
}

it("a verdict that says switch leads to exactly one rollout of exactly its candidate, also when the control plane is killed", async () => {
  const stateDir = await mkdtemp(path(tmpdir(), "sartor-verdict-"));
  try {
    const before = await startControlPlane({ stateDir, process: true });
    await register(before, model);
    const { device, serves, order, loser } = await measuring(before);
    const report = tuningReport(device, order, { times: { [loser]: 0.1 }, switchTo: loser, serves });
    // Acknowledged means stored; what follows from it has hardly begun.
    await device.publish("tuning", report);
    await before.kill();
    await device.disconnect();

    const after = await startControlPlane({ stateDir, process: true });
    try {
      const again = device.at(after);
      await again.connect();
      // The acknowledgement may have been lost on its way: the device sends its report again.
      await again.publish("tuning", report);
      const [tuning] = await waitFor("the rollout of the verdict", async () => {
        const tunings = await tuningsOf(after, device.id);
        return tunings[0]?.rolloutId != null && tunings;
      });
      const winner = order.candidates.at(-1);
      const told = await again.told(tuning?.rolloutId ?? "");
      expect(told.bundle.bundleId).toBe(winner?.bundle.bundleId);
      expect(told.runtime).toEqual(winner?.runtime);
      expect(told.probe).toEqual(serves.probe);
      const [rollout, ...others] = await rolloutsOf(after, "tuning");
      expect(others).toEqual([]);
      expect(rollout).toMatchObject({ rolloutId: tuning?.rolloutId, ...TINY });
      expect(rollout?.name).toMatch(/^tuning of Gate: fp32, \d threads?$/);
      // It proves itself, and neither that nor another report begins anything more.
      await again.report(told, { status: "succeeded", step: "done" });
      await waitFor("its end", async () => (await rolloutsOf(after, "tuning"))[0]?.status === "succeeded");
      await again.publish("tuning", report);
      expect(await rolloutsOf(after, "tuning")).toHaveLength(1);
      expect(await tuningsOf(after, device.id)).toHaveLength(1);
      // The order stands still as it was: for the same words no new generation.
      expect(again.desired.at(-1)?.tuning).toEqual(order);
      await again.disconnect();
    } finally {
      await after.stop();
    }
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
});

it("a verdict is not rolled out where it only says keep, must not be applied, or something newer was ordered", async () => {
  const controlPlane = await startControlPlane();
  try {
    await register(controlPlane, model);
    const keeps = await measuring(controlPlane);
    await keeps.device.publish("tuning", tuningReport(keeps.device, keeps.order, { times: {}, serves: keeps.serves }));

    const overtaken = await measuring(controlPlane);
    await rest(controlPlane, "POST", "/api/v1/rollouts", {
      name: "newer",
      ...TINY,
      devices: [overtaken.device.id],
      tailoring: { tune: "never" },
    });
    await overtaken.device.publish(
      "tuning",
      tuningReport(overtaken.device, overtaken.order, {
        times: {},
        switchTo: overtaken.loser,
        serves: overtaken.serves,
      }),
    );

    const watched = await measuring(controlPlane);
    const asked = await rest<{ tuningId: string }>(
      controlPlane,
      "POST",
      `/api/v1/devices/${watched.device.id}/tunings`,
      { apply: false },
    );
    const order = await toldToTune(watched.device, asked.body.tuningId);
    const { loser: switchTo, serves } = watched;
    await watched.device.publish("tuning", tuningReport(watched.device, order, { times: {}, switchTo, serves }));

    // Verdicts are looked at in their order: when this one is rolled out, the others have been looked at.
    const last = await measuring(controlPlane);
    await last.device.publish(
      "tuning",
      tuningReport(last.device, last.order, { times: {}, switchTo: last.loser, serves: last.serves }),
    );
    const tuning = await tuningThatIs(controlPlane, last.order.tuningId, "succeeded");
    await last.device.wants("the candidate", ({ deployment }) =>
      isDeepStrictEqual(deployment?.runtime, runtimeOf(last)),
    );
    expect(tuning.apply).toBe(true);
    expect(await rolloutsOf(controlPlane, "tuning")).toHaveLength(1);
    for (const { device } of [keeps, overtaken, watched]) {
      expect((await tuningsOf(controlPlane, device.id)).map(({ rolloutId }) => rolloutId)).not.toContain(
        expect.any(String),
      );
    }
    for (const { device } of [keeps, overtaken, watched, last]) await device.disconnect();
  } finally {
    await controlPlane.stop();
  }
});

function runtimeOf({ order, loser }: { order: TuningOrder; loser: string }): RuntimeSettings | undefined {
  return order.candidates.find(({ candidateId }) => candidateId === loser)?.runtime;
}
