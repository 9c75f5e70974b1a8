import type {
  ErrorReply,
  ModelVersionView,
  RolloutDetail,
  RolloutRequest,
  RolloutSummary,
  TailoringPlan,
} from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ended as buildEnded, order as orderBuild } from "../control-plane-builds/building.js";
import { prepare } from "../control-plane-builds/samples.js";
import { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import { inventoryOf, join, orderTuning, toldToTune } from "../control-plane-tailoring/tailored-fleet.js";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { readOrder } from "../support/orders.js";
import { register } from "../support/registering.js";
import { Signer } from "../support/signing.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

const TINY = { model: "tiny", version: "1.0.0" };
const tiny = buildTinyClassifier({ name: "tiny", version: "1.0.0", goldenVectors: 2 });

describe("what nobody signed", () => {
  let controlPlane: RunningControlPlane;
  let people: Signer;
  const connected: ScriptedDevice[] = [];
  beforeEach(async () => {
    controlPlane = await startControlPlane({ signing: false, env: { SARTOR_ENROLMENTS_PER_MINUTE: "1000" } });
    people = new Signer(() => controlPlane);
  });
  afterEach(async () => {
    for (const device of connected.splice(0)) await device.disconnect();
    await controlPlane.stop();
  });

  async function enter(profile: string): Promise<ScriptedDevice> {
    const device = await join(controlPlane, inventoryOf(profile), profile);
    connected.push(device);
    return device;
  }

  const send = (changes: Partial<RolloutRequest> = {}) =>
    rest<RolloutSummary & ErrorReply>(controlPlane, "POST", "/api/v1/rollouts", {
      name: "test",
      ...TINY,
      devices: "all",
      tailoring: { tune: "never" },
      ...changes,
    });
  const refusalOf = ({ status, body }: { status: number; body: ErrorReply }) => [status, body.error.code];
  const rollouts = async () => (await rest<{ items: unknown[] }>(controlPlane, "GET", "/api/v1/rollouts")).body.items;
  const detailOf = async (rolloutId: string) =>
    (await rest<RolloutDetail>(controlPlane, "GET", `/api/v1/rollouts/${rolloutId}`)).body;

  it("before the key ceremony nothing is ordered and no device is told anything; what it should know reaches it with the ceremony", async () => {
    await register(controlPlane, tiny);
    const device = await enter("raspberry-pi-4");
    expect(refusalOf(await send())).toEqual([409, "SRT_TRUST_NO_ROOT"]);
    expect((await send()).body.error.message).toContain("sartor keys ceremony");
    const tuning = await waitFor("the inventory", async () => {
      const reply = await orderTuning(controlPlane, device.id, TINY);
      const { status, body } = reply as unknown as { status: number; body: ErrorReply };
      return body.error?.code !== "SRT_TAILORING_NO_INVENTORY" && { status, body };
    });
    expect(refusalOf(tuning)).toEqual([409, "SRT_TRUST_NO_ROOT"]);
    expect(await rollouts()).toEqual([]);

    const roots = await device.get("/api/v1/trust/roots");
    expect(refusalOf({ status: roots.status, body: (await roots.json()) as ErrorReply })).toEqual([
      409,
      "SRT_TRUST_NO_ROOT",
    ]);
    expect(await readOrder(controlPlane, device.identity)).toBeUndefined();
    expect(device.desired).toEqual([]);

    await people.ceremony();
    // It stays connected: nothing but the ceremony happened.
    const first = await device.wants("its first order", () => true);
    expect(first).toMatchObject({ generation: 1, deviceId: device.id, deployment: null, tuning: null });
    expect((await device.get("/api/v1/trust/roots")).status).toBe(200);
  });

  it("a version is not rolled out before it is signed, and is from then on", async () => {
    await people.ceremony();
    await register(controlPlane, tiny);
    const device = await enter("raspberry-pi-4");
    for (const tailoring of [{ tune: "never" as const }, { variant: "fp32" as const }]) {
      const refused = await send({ tailoring });
      expect(refusalOf(refused)).toEqual([409, "SRT_TRUST_UNSIGNED"]);
      expect(refused.body.error.message).toContain("sartor keys release tiny 1.0.0");
    }
    expect(await rollouts()).toEqual([]);
    await people.signed("tiny", "1.0.0");
    const { status, body } = await send();
    expect(status).toBe(201);
    expect((await device.told(body.rolloutId)).bundle).toMatchObject(TINY);
  });

  it("a newer version that is not signed yet does not hold up the one before it", async () => {
    await people.ceremony();
    await register(controlPlane, tiny);
    await people.signed("tiny", "1.0.0");
    await register(controlPlane, buildTinyClassifier({ name: "tiny", version: "2.0.0", goldenVectors: 2, seed: 2 }));
    const device = await enter("raspberry-pi-4");
    expect(refusalOf(await send({ version: "2.0.0" }))).toEqual([409, "SRT_TRUST_UNSIGNED"]);
    const { body } = await send();
    expect((await device.told(body.rolloutId)).bundle).toMatchObject(TINY);
  });

  it("variants without a signature are neither chosen nor measured, which is said; signed, they are", async () => {
    await people.ceremony();
    await prepare(controlPlane);
    await people.signed("tiny", "1.0.0");
    const build = await orderBuild(controlPlane, { variants: ["int8-s8s8"], accuracy: { minimumDecibels: 0 } });
    expect((await buildEnded(controlPlane, build.body.buildId)).status).toBe("succeeded");
    const path = "/api/v1/models/tiny/versions/1.0.0";
    const { variants } = (await rest<ModelVersionView>(controlPlane, "GET", path)).body;
    const bundleOf = (wanted: string) => variants.find(({ name }) => name === wanted)?.bundleId;
    expect(bundleOf("int8-s8s8")).toMatch(/^sha256:/);

    const device = await enter("raspberry-pi-5");
    const plan = await waitFor("a plan", async () => {
      const request = { ...TINY, device: { deviceId: device.id } };
      const reply = await rest<TailoringPlan>(controlPlane, "POST", "/api/v1/tailoring/plans", request);
      return reply.status === 200 && reply.body;
    });
    expect(plan.candidates[0]?.variant.name).toBe("int8-s8s8");

    expect(refusalOf(await send({ tailoring: { variant: "int8-s8s8" } }))).toEqual([409, "SRT_TRUST_UNSIGNED"]);
    const withoutFp32 = { policy: { forbiddenVariants: ["fp32" as const] }, tune: "never" as const };
    const nothing = await send({ tailoring: withoutFp32 });
    const rejected = await waitFor("the end of the rollout", async () => {
      const detail = await detailOf(nothing.body.rolloutId);
      return detail.status !== "running" && detail.deployments[0];
    });
    expect(rejected).toMatchObject({ status: "rejected", bundleId: null, error: { code: "SRT_TRUST_UNSIGNED" } });

    const ordered = await orderTuning(controlPlane, device.id, TINY);
    const measured = await toldToTune(device, ordered.body.tuningId);
    expect([...new Set(measured.candidates.map(({ variant }) => variant.name))]).toEqual(["fp32"]);

    const before = await send();
    expect((await device.told(before.body.rolloutId)).bundle.bundleId).toBe(bundleOf("fp32"));
    const [row] = (await detailOf(before.body.rolloutId)).deployments;
    expect(row?.tailoring?.variant).toBe("fp32");
    expect(row?.tailoring?.reasons.at(-1)).toMatch(/passed over.*not signed.*: int8-s8s8\.$/);

    await people.signed("tiny", "1.0.0");
    const after = await send();
    expect((await device.told(after.body.rolloutId)).bundle.bundleId).toBe(bundleOf("int8-s8s8"));
    const again = await orderTuning(controlPlane, device.id, TINY);
    const order = await toldToTune(device, again.body.tuningId);
    expect(order.candidates.map(({ variant }) => variant.name)).toContain("int8-s8s8");

    // Signed it is for ARM only: a device that enrolled as another kind of hardware would refuse it, whatever it says of itself.
    const other = await ScriptedDevice.enrol(controlPlane, "other", { hardware: ["linux-x64"] });
    connected.push(other);
    await other.connect();
    await other.publish("inventory", inventoryOf("raspberry-pi-5"));
    const mixed = await send({ devices: [other.id] });
    expect((await other.told(mixed.body.rolloutId)).bundle.bundleId).toBe(bundleOf("fp32"));
  });
});
