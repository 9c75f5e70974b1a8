import { candidateKey, isSpinning } from "@sartor/shared/domain/tailoring";
import type {
  DesiredDeployment,
  ErrorReply,
  FirmwareProfileView,
  ModelVersionView,
  TailoringCandidate,
  TailoringPlan,
  TailoringPlanRequest,
} from "@sartor/shared/protocol";
import { tailoringPlanSchema } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { waitFor } from "../support/wait-for.js";
import { inventoryOf, join, orderTuning, toldToTune, tuningReport, tuningThatIs } from "./tailored-fleet.js";
import { registerWithVariants, VARIANTS } from "./with-variants.js";

const idOf = ({ variant, executionProvider, intraOpThreads, sessionConfig }: TailoringCandidate) =>
  candidateKey(variant.name, executionProvider, intraOpThreads, isSpinning(sessionConfig));

describe("one model, uploaded once", () => {
  let controlPlane: RunningControlPlane;
  let version: ModelVersionView;
  const devices: ScriptedDevice[] = [];
  beforeAll(async () => {
    controlPlane = await startControlPlane({ env: { SARTOR_ENROLMENTS_PER_MINUTE: "1000" } });
    version = await registerWithVariants(controlPlane);
  }, 240_000);
  afterAll(async () => {
    for (const device of devices) await device.disconnect();
    await controlPlane.stop();
  });

  const ask = <T = TailoringPlan>(device: TailoringPlanRequest["device"], policy = {}) =>
    rest<T>(controlPlane, "POST", "/api/v1/tailoring/plans", {
      model: version.model,
      version: version.version,
      device,
      policy,
    });

  /** Plans as soon as the control plane has stored what the device said it is. */
  const planOf = (device: ScriptedDevice) =>
    waitFor("a plan", async () => {
      const { status, body } = await ask({ deviceId: device.id });
      return status === 200 && body;
    });

  it("has its variants", () => {
    expect(version.variants.map(({ name }) => name).sort()).toEqual(["fp32", ...VARIANTS].sort());
  });

  it("is planned differently, with reasons, for the hardware of every firmware profile", async () => {
    const { body } = await rest<{ profiles: FirmwareProfileView[] }>(controlPlane, "GET", "/api/v1/firmware-profiles");
    expect(body.profiles.length).toBeGreaterThanOrEqual(30);
    const choices = new Map<string, string>();
    for (const { id } of body.profiles) {
      const reply = await ask({ profile: id });
      expect(reply.status, JSON.stringify(reply.body)).toBe(200);
      const plan = tailoringPlanSchema.parse(reply.body);
      const [first] = plan.candidates;
      if (first === undefined) throw new Error(`nothing for ${id}`);
      expect(plan.profiles.map((profile) => profile.id)).toContain(id);
      expect(first.reasons.length).toBeGreaterThan(0);
      expect(plan.summary.length).toBeGreaterThan(20);
      choices.set(id, `${first.variant.name} ${first.intraOpThreads}`);
    }
    expect(new Set(choices.values()).size).toBeGreaterThanOrEqual(8);
    const variants = new Set([...choices.values()].map((choice) => choice.split(" ")[0]));
    expect([...variants].sort()).toEqual(["fp32", ...VARIANTS].sort());
    // What the hardware could do with its own engine is said, and not planned as if it were there.
    const jetson = (await ask({ profile: "jetson-agx-orin" })).body;
    expect(jetson.candidates.every(({ executionProvider }) => executionProvider === "cpu")).toBe(true);
    expect([...jetson.unlocks, ...jetson.ruledOut].map((entry) => entry.executionProvider)).toContain("tensorrt");
  });

  it("gets a safe plan for hardware that nobody knows, and says that it is one", async () => {
    const unknown = inventoryOf("generic", {
      cpu: { architecture: "other", logicalCores: 2, features: {} },
      board: { model: "Something new" },
    });
    const device = await join(controlPlane, unknown);
    devices.push(device);
    const plan = await planOf(device);
    expect(plan.generic).toBe(true);
    expect(plan.candidates[0]?.variant.kind).toBe("fp32");
  });

  it("is planned for a device as for the hardware of its profile", async () => {
    const device = await join(controlPlane, inventoryOf("raspberry-pi-5"));
    devices.push(device);
    const plan = await planOf(device);
    const reference = (await ask({ profile: "raspberry-pi-5" })).body;
    expect(plan.generic).toBe(false);
    expect(plan.candidates).toEqual(reference.candidates);
    const limited = await ask({ deviceId: device.id }, { forbiddenVariants: ["int8-s8s8", "int8-u8s8"] });
    expect(limited.body.candidates.map(({ variant }) => variant.kind)).not.toContain("int8-s8s8");
    expect(limited.body.ruledOut.find(({ variant }) => variant.kind === "int8-s8s8")?.code).toBe("forbidden_by_policy");
  });

  it("cannot be planned for what nobody knows anything of", async () => {
    const silent = await join(controlPlane, undefined);
    devices.push(silent);
    const answers = [
      await ask<ErrorReply>({ deviceId: silent.id }),
      await ask<ErrorReply>({ deviceId: "nobody" }),
      await ask<ErrorReply>({ profile: "toaster" }),
    ];
    expect(answers.map(({ status, body }) => [status, body.error.code])).toEqual([
      [409, "SRT_TAILORING_NO_INVENTORY"],
      [404, "SRT_DEVICE_UNKNOWN"],
      [404, "SRT_PROFILE_UNKNOWN"],
    ]);
  });

  it("starts on the 21st device of a type with what twenty others measured", async () => {
    const inventory = inventoryOf("rk3588");
    const before = (await ask({ profile: "rk3588" })).body;
    // The slowest by the rules is the fastest by measurement.
    const surprise = before.candidates.at(-1);
    if (surprise === undefined) throw new Error("no candidate");
    const winner = idOf(surprise);
    const { model, version: number } = version;
    for (let index = 0; index < 20; index++) {
      const device = await join(controlPlane, inventory);
      await planOf(device);
      const ordered = await orderTuning(controlPlane, device.id, { model, version: number, apply: false });
      expect(ordered.status, JSON.stringify(ordered.body)).toBe(202);
      const order = await toldToTune(device);
      const times = Object.fromEntries(
        order.candidates.map(({ candidateId }, place) => [candidateId, candidateId === winner ? 0.4 : 2 + place / 10]),
      );
      await device.publish("tuning", tuningReport(device, order, { times }));
      await tuningThatIs(controlPlane, order.tuningId, "succeeded");
      await device.disconnect();
    }
    const [page] = [
      await rest<{ items: unknown[] }>(
        controlPlane,
        "GET",
        `/api/v1/models/${model}/versions/${number}/measurements?limit=500`,
      ),
    ];
    expect(page.body.items).toHaveLength(20 * before.candidates.length);
    const next = await join(controlPlane, inventory);
    devices.push(next);
    const [first] = (await planOf(next)).candidates;
    expect(first && idOf(first)).toBe(winner);
    expect(first?.predicted).toMatchObject({
      basis: "measured",
      devices: 20,
      latencyMs: { typical: expect.closeTo(0.4) },
    });
    // Another type learns nothing from it.
    expect((await ask({ profile: "raspberry-pi-5" })).body.candidates[0]?.predicted.basis).toBe("estimated");
  });

  it("has a variant measured that came into the plans after three devices had measured the others", async () => {
    const fleet: ScriptedDevice[] = [];
    for (let index = 0; index < 3; index++) fleet.push(await join(controlPlane, inventoryOf("raspberry-pi-4")));
    devices.push(...fleet);
    for (const device of fleet) await planOf(device);
    const send = async (policy: object) => {
      const { model, version: number } = version;
      const { body } = await rest<{ rolloutId: string }>(controlPlane, "POST", "/api/v1/rollouts", {
        name: "auto",
        model,
        version: number,
        devices: fleet.map(({ id }) => id),
        tailoring: { policy, tune: "auto" },
      });
      const told = new Map<string, DesiredDeployment>();
      for (const device of fleet) {
        const deployment = await device.told(body.rolloutId);
        told.set(device.id, deployment);
        await device.report(deployment, { status: "succeeded", step: "done" });
      }
      return told;
    };
    await send({ forbiddenVariants: ["int8-u8s8", "int8-u8s8-reduced", "int8-s8s8"] });
    for (const device of fleet) {
      const order = await toldToTune(device);
      const times = Object.fromEntries(order.candidates.map(({ candidateId }) => [candidateId, 5]));
      await device.publish("tuning", tuningReport(device, order, { times }));
      await tuningThatIs(controlPlane, order.tuningId, "succeeded");
    }
    // What was measured stands first, so that only a measurement brings the faster variant forward.
    const told = await send({});
    const fp32 = version.variants.find(({ name }) => name === "fp32")?.bundleId;
    for (const device of fleet) {
      expect(told.get(device.id)?.bundle.bundleId).toBe(fp32);
      const { tuning } = await device.wants("int8 to be measured", ({ tuning }) =>
        Boolean(tuning?.candidates.some(({ variant }) => variant.kind === "int8-s8s8")),
      );
      expect(tuning?.candidates.some(({ variant }) => variant.kind === "fp32")).toBe(true);
    }
  });

  it("goes to two devices of different types as two bundles, each run its own way", async () => {
    const kinds = ["raspberry-pi-4", "x86-64-avx2"] as const;
    const two = [];
    for (const kind of kinds) two.push(await join(controlPlane, inventoryOf(kind), kind));
    devices.push(...two);
    const plans = [];
    for (const device of two) plans.push(await planOf(device));
    const { status, body } = await rest<{ rolloutId: string }>(controlPlane, "POST", "/api/v1/rollouts", {
      name: "mixed",
      model: version.model,
      version: version.version,
      devices: two.map(({ id }) => id),
      tailoring: { tune: "never" },
    });
    expect(status).toBe(201);
    const bundles = new Map(version.variants.map(({ name, bundleId }) => [name, bundleId]));
    const told = [];
    for (const [index, device] of two.entries()) {
      const deployment = await device.told(body.rolloutId);
      const first = plans[index]?.candidates[0];
      expect(deployment.bundle.bundleId).toBe(bundles.get(first?.variant.name ?? ""));
      expect(deployment.runtime).toMatchObject({ executionProviders: ["cpu"], intraOpThreads: first?.intraOpThreads });
      told.push(deployment.bundle.bundleId);
    }
    expect(new Set(told).size).toBe(2);
  });
});
