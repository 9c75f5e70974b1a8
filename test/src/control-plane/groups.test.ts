import { once } from "node:events";
import {
  type ApiTokenReply,
  type DeviceDetail,
  type DeviceSummary,
  type ErrorReply,
  type LiveEvent,
  type LoginReply,
  type Page,
  type RolloutDetail,
  type RolloutSummary,
  type SystemView,
  type TuningView,
  type Who,
} from "@sartor/shared/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { enrol, makeToken, type RestReply, redeem, rest } from "../support/enrolled-device.js";
import { inventory } from "../support/messages.js";
import { register } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

const PASSWORD = "heron kettle violin";

/** A REST client with somebody's credential. */
type Caller = <T = ErrorReply>(method: string, path: string, body?: unknown) => Promise<RestReply<T>>;

describe("groups of devices", () => {
  let controlPlane: RunningControlPlane;
  let one: ScriptedDevice;
  let two: ScriptedDevice;
  /** Operator of plant-1 and nothing else, with the session's secret. */
  let ann: Caller;
  let annToken: string;
  /** Admin of plant-1 and nothing else. */
  let chief: Caller;
  let operator: Caller;
  const open: WebSocket[] = [];

  const as =
    (token: string): Caller =>
    (method, path, body) =>
      rest(controlPlane, method, path, body, `Bearer ${token}`);
  const outcome = ({ status, body }: RestReply<ErrorReply>) => [status, body?.error?.code];

  async function logIn(userName: string, role: string, groups: string[] | null): Promise<string> {
    const { status } = await operator("POST", "/api/v1/users", { userName, role, password: PASSWORD, groups });
    expect(status).toBe(201);
    const login = { userName, password: PASSWORD, kind: "bearer" };
    return (await rest<LoginReply>(controlPlane, "POST", "/api/v1/session", login, null)).body.token ?? "";
  }

  beforeAll(async () => {
    controlPlane = await startControlPlane({ env: { SARTOR_ENROLMENTS_PER_MINUTE: "1000" } });
    operator = as(controlPlane.operatorToken);
    await register(controlPlane, buildTinyClassifier({ goldenVectors: 2 }));
    one = await ScriptedDevice.enrol(controlPlane, "Gate 1");
    two = await ScriptedDevice.enrol(controlPlane, "Gate 2");
    await operator("PATCH", `/api/v1/devices/${one.id}`, { group: "plant-1" });
    await operator("PATCH", `/api/v1/devices/${two.id}`, { group: "plant-2" });
    for (const device of [one, two]) await device.connect();
    annToken = await logIn("ann", "operator", ["plant-1"]);
    ann = as(annToken);
    chief = as(await logIn("chief", "admin", ["plant-1"]));
  });
  afterEach(() => {
    for (const socket of open.splice(0)) socket.terminate();
  });
  afterAll(async () => {
    for (const device of [one, two]) await device.disconnect();
    await controlPlane.stop();
  });

  const rollOut = (caller: Caller, devices: unknown) =>
    caller<RolloutSummary & ErrorReply>("POST", "/api/v1/rollouts", {
      ...{ name: "to some", model: "tiny", version: "1.0.0", devices },
      tailoring: { tune: "never" },
    });
  const devicesOf = async (rolloutId: string, caller = operator) =>
    (await caller<RolloutDetail>("GET", `/api/v1/rollouts/${rolloutId}`)).body.deployments.map(
      ({ deviceId }) => deviceId,
    );

  it("show somebody who is for one of them its devices, and nothing of the others", async () => {
    expect((await ann<Who>("GET", "/api/v1/session")).body).toMatchObject({ role: "operator", groups: ["plant-1"] });
    const list = async (query = "") =>
      (await ann<Page<DeviceSummary>>("GET", `/api/v1/devices${query}`)).body.items.map(({ deviceId }) => deviceId);
    expect(await list()).toEqual([one.id]);
    expect(await list("?group=plant-2")).toEqual([]);
    expect((await ann<SystemView>("GET", "/api/v1/system")).body.devices).toBe(1);
    expect((await ann<object>("GET", "/api/v1/groups")).body).toEqual({ items: [{ group: "plant-1", devices: 1 }] });
    expect((await operator<object>("GET", "/api/v1/groups")).body).toMatchObject({
      items: [
        { group: "plant-1", devices: 1 },
        { group: "plant-2", devices: 1 },
      ],
    });
    expect((await ann<DeviceDetail>("GET", `/api/v1/devices/${one.id}`)).body).toMatchObject({ group: "plant-1" });
  });

  it.each([
    ["GET", ""],
    ["GET", "/events"],
    ["GET", "/telemetry"],
    ["GET", "/certificates"],
    ["GET", "/tunings"],
    ["PATCH", "", { name: "mine" }],
    ["POST", "/tunings", {}],
    ["POST", "/revoke"],
    ["DELETE", ""],
  ])("make a device of another group unknown: %s /devices/…%s", async (method, path, body?) => {
    expect(outcome(await chief(method, `/api/v1/devices/${two.id}${path}`, body))).toEqual([404, "SRT_DEVICE_UNKNOWN"]);
  });

  it.each([
    ["GET", "/users"],
    ["POST", "/users", { userName: "eve", role: "viewer", password: PASSWORD }],
    ["PATCH", "/users/chief", { groups: null }],
    ["POST", "/api-tokens", { name: "script", role: "viewer" }],
    ["GET", "/audit"],
    ["PUT", "/operator-token", { enabled: false }],
    ["POST", "/trust/requests", {}],
  ])("keep what concerns them all from an admin of one: %s %s", async (method, path, body?) => {
    expect(outcome(await chief(method, `/api/v1${path}`, body))).toEqual([403, "SRT_GROUP_FORBIDDEN"]);
  });

  it("let nobody move a device into a group, or out of one, that is not theirs", async () => {
    const moved = await ann("PATCH", `/api/v1/devices/${one.id}`, { group: "plant-2" });
    expect(outcome(moved)).toEqual([403, "SRT_GROUP_FORBIDDEN"]);
    expect(outcome(await ann("PATCH", `/api/v1/devices/${two.id}`, { group: "plant-1" }))).toEqual([
      404,
      "SRT_DEVICE_UNKNOWN",
    ]);
    expect((await operator<DeviceDetail>("GET", `/api/v1/devices/${one.id}`)).body.group).toBe("plant-1");
  });

  it("take in what somebody enrols: into the only one that they are for, and into no other", async () => {
    const token = async (caller: Caller, body: object) =>
      caller<{ token: string } & ErrorReply>("POST", "/api/v1/enrolment-tokens", body);
    const { body } = await token(ann, {});
    const { body: enrolled } = await redeem(controlPlane, { token: body.token, name: "Gate 3" });
    expect((await operator<DeviceDetail>("GET", `/api/v1/devices/${enrolled.deviceId}`)).body.group).toBe("plant-1");
    expect(outcome(await token(ann, { group: "plant-2" }))).toEqual([403, "SRT_GROUP_FORBIDDEN"]);
    expect(outcome(await token(chief, { replaces: two.id }))).toEqual([404, "SRT_DEVICE_UNKNOWN"]);
    const key = { fingerprint: "c".repeat(64), group: "plant-2" };
    expect(outcome(await ann("POST", "/api/v1/enrolments/keys", key))).toEqual([403, "SRT_GROUP_FORBIDDEN"]);
    // A replacement stays where it is.
    const replacing = await token(chief, { replaces: enrolled.deviceId });
    await redeem(controlPlane, { token: replacing.body.token, name: "Gate 3, new board" });
    expect((await ann<DeviceDetail>("GET", `/api/v1/devices/${enrolled.deviceId}`)).status).toBe(200);
    await chief("DELETE", `/api/v1/devices/${enrolled.deviceId}`);
  });

  it("bound rollouts: all means all of one's own, and what is named has to be one's own", async () => {
    const mine = await rollOut(ann, "all");
    expect(mine.status, JSON.stringify(mine.body)).toBe(201);
    await waitFor("its deployment", async () => (await devicesOf(mine.body.rolloutId)).length === 1);
    expect(await devicesOf(mine.body.rolloutId)).toEqual([one.id]);
    expect(outcome(await rollOut(ann, [one.id, two.id]))).toEqual([404, "SRT_DEVICE_UNKNOWN"]);
    expect(outcome(await rollOut(ann, { groups: ["plant-1", "plant-2"] }))).toEqual([403, "SRT_GROUP_FORBIDDEN"]);
    expect(outcome(await rollOut(operator, { groups: ["plant-9"] }))).toEqual([422, "SRT_ROLLOUT_NO_DEVICES"]);
    const theirs = await rollOut(operator, { groups: ["plant-2"] });
    const rolloutId = theirs.body.rolloutId;
    await waitFor("its deployment", async () => (await devicesOf(rolloutId)).length === 1);
    expect(await devicesOf(rolloutId)).toEqual([two.id]);
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/deployments"],
      ["POST", "/cancel"],
    ] as const) {
      expect(outcome(await ann(method, `/api/v1/rollouts/${rolloutId}${path}`))).toEqual([404, "SRT_ROLLOUT_UNKNOWN"]);
    }
    expect((await ann("POST", `/api/v1/rollouts/${mine.body.rolloutId}/cancel`)).status).toBe(202);
    await operator("POST", `/api/v1/rollouts/${rolloutId}/cancel`);
  });

  it("show of a rollout over several one's own part, and let only who is for all of these cancel it", async () => {
    const { body } = await rollOut(operator, { groups: ["plant-1", "plant-2"] });
    await waitFor("its deployments", async () => (await devicesOf(body.rolloutId)).length === 2);
    expect(await devicesOf(body.rolloutId, ann)).toEqual([one.id]);
    const { items } = (await ann<Page<RolloutSummary>>("GET", "/api/v1/rollouts")).body;
    const counted = Object.values(items.find(({ rolloutId }) => rolloutId === body.rolloutId)?.counts ?? {});
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(1);
    const cancel = `/api/v1/rollouts/${body.rolloutId}/cancel`;
    expect(outcome(await ann("POST", cancel))).toEqual([403, "SRT_GROUP_FORBIDDEN"]);
    const both = as(await logIn("both", "operator", ["plant-1", "plant-2"]));
    expect((await both("POST", cancel)).status).toBe(202);
  });

  it("hide tunings and plans of other groups' devices", async () => {
    await two.publish("inventory", inventory());
    const order = { model: "tiny", version: "1.0.0" };
    const tuning = await waitFor("the tuning to be ordered", async () => {
      const reply = await operator<TuningView & ErrorReply>("POST", `/api/v1/devices/${two.id}/tunings`, order);
      return reply.status === 202 ? reply.body : undefined;
    });
    expect(outcome(await ann("GET", `/api/v1/tunings/${tuning.tuningId}`))).toEqual([404, "SRT_TUNING_UNKNOWN"]);
    expect(outcome(await ann("POST", `/api/v1/tunings/${tuning.tuningId}/cancel`))).toEqual([
      404,
      "SRT_TUNING_UNKNOWN",
    ]);
    const plan = { ...order, device: { deviceId: two.id } };
    expect(outcome(await ann("POST", "/api/v1/tailoring/plans", plan))).toEqual([404, "SRT_DEVICE_UNKNOWN"]);
    expect((await operator("POST", `/api/v1/tunings/${tuning.tuningId}/cancel`)).status).toBe(202);
  });

  it("bound API tokens", async () => {
    const request = { name: "script", role: "operator", groups: ["plant-2"] };
    const { body } = await operator<ApiTokenReply>("POST", "/api/v1/api-tokens", request);
    const script = as(body.token);
    expect((await script<Page<DeviceSummary>>("GET", "/api/v1/devices")).body.items).toMatchObject([
      { deviceId: two.id, group: "plant-2" },
    ]);
    expect(outcome(await script("GET", `/api/v1/devices/${one.id}`))).toEqual([404, "SRT_DEVICE_UNKNOWN"]);
  });

  it("are written into the audit log, with who was refused", async () => {
    await ann("GET", `/api/v1/devices/${two.id}`);
    type Entry = {
      entry: { action: string; outcome: string; actor: { name: string }; target: Record<string, string> };
    };
    const { items } = (await operator<Page<Entry>>("GET", "/api/v1/audit?limit=500")).body;
    const entries = items.map(({ entry }) => entry);
    expect(entries).toContainEqual(
      expect.objectContaining({
        action: "PATCH /api/v1/devices/:deviceId",
        target: expect.objectContaining({ deviceId: one.id, group: "plant-1" }),
        outcome: "ok",
      }),
    );
    expect(entries).toContainEqual(
      expect.objectContaining({
        action: "POST /api/v1/users",
        target: expect.objectContaining({ userName: "ann", groups: "plant-1" }),
      }),
    );
    expect(entries).toContainEqual(
      expect.objectContaining({
        outcome: "SRT_DEVICE_UNKNOWN",
        actor: expect.objectContaining({ name: "ann" }),
        target: expect.objectContaining({ deviceId: two.id }),
      }),
    );
  });

  describe("on the live channel", () => {
    async function watch(token: string) {
      const socket = new WebSocket(`${controlPlane.httpUrl.replace("http", "ws")}/api/v1/live`);
      open.push(socket);
      const events: LiveEvent[] = [];
      socket.on("message", (data) => events.push(JSON.parse(data.toString())));
      await once(socket, "open");
      socket.send(JSON.stringify({ type: "authenticate", token }));
      await waitFor("ready", () => events.some(({ type }) => type === "ready"));
      return { socket, events };
    }
    const named = (events: readonly LiveEvent[], type: "device" | "device_removed") =>
      events.flatMap((event) => {
        if (event.type === "device" && type === "device") return [event.device.deviceId];
        return event.type === "device_removed" && type === "device_removed" ? [event.deviceId] : [];
      });

    it("show one's own devices only; one that comes appears, and one that goes disappears", async () => {
      const [mine, all] = [await watch(annToken), await watch(controlPlane.operatorToken)];
      await operator("PATCH", `/api/v1/devices/${two.id}`, { name: "Gate 2 b" });
      await operator("PATCH", `/api/v1/devices/${one.id}`, { name: "Gate 1 b" });
      await waitFor("both", () => new Set(named(all.events, "device")).size === 2);
      await waitFor("one's own", () => named(mine.events, "device").length > 0);
      expect(new Set(named(mine.events, "device"))).toEqual(new Set([one.id]));

      const roaming = await enrol(controlPlane, "Roaming");
      await operator("PATCH", `/api/v1/devices/${roaming.deviceId}`, { group: "plant-1" });
      await waitFor("the newcomer", () => named(mine.events, "device").includes(roaming.deviceId));
      await operator("PATCH", `/api/v1/devices/${roaming.deviceId}`, { group: "plant-2" });
      await waitFor("its going", () => named(mine.events, "device_removed").includes(roaming.deviceId));
      expect(named(all.events, "device_removed")).toEqual([]);
      await operator("PATCH", `/api/v1/devices/${roaming.deviceId}`, { group: "plant-1" });
      await operator("DELETE", `/api/v1/devices/${roaming.deviceId}`);
      await waitFor("its end", () => named(all.events, "device_removed").includes(roaming.deviceId));
      await waitFor(
        "its end for whoever saw it",
        () => named(mine.events, "device_removed").filter((deviceId) => deviceId === roaming.deviceId).length === 2,
      );
      expect(JSON.stringify(mine.events)).not.toContain(two.id);
    });

    it("begin anew when other groups may be seen", async () => {
      const token = await logIn("bea", "viewer", ["plant-1"]);
      const { socket } = await watch(token);
      const closed = once(socket, "close");
      await operator("PATCH", "/api/v1/users/bea", { groups: ["plant-2"] });
      const [code] = await closed;
      // Try again: the session holds.
      expect(code).toBe(1013);
      const { events } = await watch(token);
      await operator("PATCH", `/api/v1/devices/${two.id}`, { name: "Gate 2 c" });
      await waitFor("the other group's device", () => named(events, "device").includes(two.id));
    });
  });

  it("are refused where their names are no names", async () => {
    const answer = await operator("PATCH", `/api/v1/devices/${one.id}`, { group: "Plant 1" });
    expect(outcome(answer)).toEqual([400, "SRT_INVALID_REQUEST"]);
    await expect(makeToken(controlPlane, 60, { group: "x".repeat(64) })).rejects.toThrow("SRT_INVALID_REQUEST");
  });
});
