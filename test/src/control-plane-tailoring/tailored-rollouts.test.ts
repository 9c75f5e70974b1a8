import type { ErrorReply, RolloutDetail, RolloutRequest, RolloutSummary } from "@sartor/shared/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { register } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { inventoryOf, join, toldToTune, tuningsOf } from "./tailored-fleet.js";

const model = buildTinyClassifier({ name: "tiny", version: "1.0.0", goldenVectors: 2 });

describe("a tailored rollout", () => {
  let controlPlane: RunningControlPlane;
  const connected: ScriptedDevice[] = [];
  beforeAll(async () => {
    controlPlane = await startControlPlane({ env: { SARTOR_ENROLMENTS_PER_MINUTE: "1000" } });
    expect((await register(controlPlane, model)).status).toBe(201);
  });
  afterEach(async () => {
    for (const device of connected.splice(0)) await device.disconnect();
  });
  afterAll(() => controlPlane.stop());

  async function enter(...parameters: Parameters<typeof inventoryOf> | []): Promise<ScriptedDevice> {
    const [profile, changes] = parameters;
    const inventory = profile === undefined ? undefined : inventoryOf(profile, changes);
    const device = await join(controlPlane, inventory, profile ?? "silent");
    connected.push(device);
    return device;
  }

  const send = <T = RolloutSummary>(devices: readonly ScriptedDevice[], tailoring: RolloutRequest["tailoring"]) =>
    rest<T>(controlPlane, "POST", "/api/v1/rollouts", {
      name: "test",
      model: "tiny",
      version: "1.0.0",
      devices: devices.map(({ id }) => id),
      tailoring,
    });
  const detailOf = async (rolloutId: string) =>
    (await rest<RolloutDetail>(controlPlane, "GET", `/api/v1/rollouts/${rolloutId}`)).body;
  const ended = (rolloutId: string) =>
    waitFor("the end of the rollout", async () => {
      const detail = await detailOf(rolloutId);
      return detail.status !== "running" && detail;
    });
  async function succeed(device: ScriptedDevice, rolloutId: string): Promise<void> {
    await device.report(await device.told(rolloutId), { status: "succeeded", step: "done" });
  }

  it("gives a device that has not said what it is the variant that runs anywhere, and says so", async () => {
    const device = await enter();
    const { body } = await send([device], { tune: "never" });
    const deployment = await device.told(body.rolloutId);
    expect(deployment.runtime).toBeUndefined();
    const [row] = (await detailOf(body.rolloutId)).deployments;
    expect(row?.tailoring).toMatchObject({ variant: "fp32", latencyMs: null });
    expect(row?.tailoring?.reasons[0]).toMatch(/has not said yet/);
  });

  it("says for each device why it runs what it runs", async () => {
    const device = await enter("raspberry-pi-4");
    const { body } = await send([device], { tune: "never" });
    const deployment = await device.told(body.rolloutId);
    const detail = await detailOf(body.rolloutId);
    expect(detail.origin).toBe("request");
    expect(detail.deployments[0]).toMatchObject({
      bundleId: deployment.bundle.bundleId,
      tailoring: { variant: "fp32", intraOpThreads: deployment.runtime?.intraOpThreads, basis: "estimated" },
    });
  });

  it("with a variant named gives all that one as its bundle says; one that is not there is refused", async () => {
    const device = await enter("raspberry-pi-4");
    const { body } = await send([device], { variant: "fp32", tune: "auto" });
    const deployment = await device.told(body.rolloutId);
    expect(deployment.runtime).toBeUndefined();
    expect((await detailOf(body.rolloutId)).deployments[0]).toMatchObject({ tailoring: null });
    const unknown = await send<ErrorReply>([device], { variant: "int1" });
    expect([unknown.status, unknown.body.error.code]).toEqual([404, "SRT_VARIANT_UNKNOWN"]);
  });

  it("leaves a device alone for which nothing fits, and says what stands in the way", async () => {
    const device = await enter("raspberry-pi-4");
    const good = await send([device], { tune: "never" });
    await succeed(device, good.body.rolloutId);
    await ended(good.body.rolloutId);
    const { body } = await send([device], { policy: { forbiddenVariants: ["fp32"] }, tune: "never" });
    const end = await ended(body.rolloutId);
    expect(end).toMatchObject({
      status: "failed",
      deployments: [{ status: "rejected", bundleId: null, error: { code: "SRT_TAILORING_NO_VARIANT" } }],
    });
    expect(device.desired.at(-1)?.deployment?.rolloutId).toBe(good.body.rolloutId);
  });

  it("takes a success only with the threads that it told the device to use", async () => {
    const device = await enter("raspberry-pi-4");
    const { body } = await send([device], { tune: "never" });
    const deployment = await device.told(body.rolloutId);
    const { bundleId } = deployment.bundle;
    const threads = deployment.runtime?.intraOpThreads ?? 0;
    const serves = (intraOpThreads: number) => ({ serving: { state: "ready", bundleId, intraOpThreads } as const });
    await device.report(deployment, { status: "succeeded", step: "done" }, serves(threads + 1));
    await waitFor("the report", async () => (await detailOf(body.rolloutId)).deployments[0]?.step === "done");
    expect((await detailOf(body.rolloutId)).status).toBe("running");
    await device.report(deployment, { status: "succeeded", step: "done" }, serves(threads));
    expect((await ended(body.rolloutId)).status).toBe("succeeded");
  });

  it("has three devices of a type measure, and the fourth start with what they find", async () => {
    const devices: ScriptedDevice[] = [];
    for (let index = 0; index < 4; index++) devices.push(await enter("x86-64-avx512-vnni"));
    const { body } = await send(devices, { tune: "auto" });
    for (const device of devices) await succeed(device, body.rolloutId);
    await ended(body.rolloutId);
    const tunings = await waitFor("three tunings", async () => {
      const all = await Promise.all(devices.map(({ id }) => tuningsOf(controlPlane, id)));
      return all.flat().length >= 3 && all;
    });
    // Another rollout passes the executor once more: nobody is asked a second time.
    const again = await send([devices[0] as ScriptedDevice], { tune: "auto" });
    await succeed(devices[0] as ScriptedDevice, again.body.rolloutId);
    await ended(again.body.rolloutId);
    // What the executor thinks of after this it has thought of before.
    const last = await enter("raspberry-pi-5");
    await succeed(last, (await send([last], { tune: "always" })).body.rolloutId);
    await toldToTune(last);
    const later = await Promise.all(devices.map(({ id }) => tuningsOf(controlPlane, id)));
    expect(
      later
        .flat()
        .map(({ tuningId }) => tuningId)
        .sort(),
    ).toEqual(
      tunings
        .flat()
        .map(({ tuningId }) => tuningId)
        .sort(),
    );
    expect(later.flat()).toHaveLength(3);
    expect(later.flat()[0]).toMatchObject({ status: "queued", model: "tiny", apply: true });
  });

  it("asks an emulated device to measure only when it is told to", async () => {
    const emulated = await enter("raspberry-pi-3", { emulated: true });
    const { body } = await send([emulated], { tune: "auto" });
    await succeed(emulated, body.rolloutId);
    await ended(body.rolloutId);
    const real = await enter("raspberry-pi-3");
    const other = await send([real], { tune: "auto" });
    await succeed(real, other.body.rolloutId);
    await toldToTune(real);
    expect(await tuningsOf(controlPlane, emulated.id)).toEqual([]);
    const always = await send([emulated], { tune: "always" });
    await succeed(emulated, always.body.rolloutId);
    const order = await toldToTune(emulated);
    expect(order.candidates.map(({ bundle }) => bundle.bundleId)).toContain(
      (await emulated.told(always.body.rolloutId)).bundle.bundleId,
    );
  });
});
