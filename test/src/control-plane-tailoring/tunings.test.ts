import type { DesiredState, ErrorReply, LiveEvent, Page, TuningMeasurement, TuningView } from "@sartor/shared/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { reported } from "../support/messages.js";
import { register } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import {
  inventoryOf,
  join,
  orderTuning,
  toldToTune,
  tuningOf,
  tuningReport,
  tuningsOf,
  tuningThatIs,
} from "./tailored-fleet.js";

const TINY = { model: "tiny", version: "1.0.0" };

describe("a tuning", () => {
  let controlPlane: RunningControlPlane;
  let ahead = 0;
  const connected: ScriptedDevice[] = [];
  beforeAll(async () => {
    controlPlane = await startControlPlane({
      now: () => Date.now() + ahead,
      env: { SARTOR_ENROLMENTS_PER_MINUTE: "1000" },
    });
    const model = buildTinyClassifier({ name: "tiny", version: "1.0.0", goldenVectors: 2 });
    expect((await register(controlPlane, model)).status).toBe(201);
  });
  afterEach(async () => {
    // Devices enrol by the machine's time: a certificate that begins tomorrow is none for TLS.
    ahead = 0;
    for (const device of connected.splice(0)) await device.disconnect();
  });
  afterAll(() => controlPlane.stop());

  async function enter(profile: string | undefined = "raspberry-pi-4"): Promise<ScriptedDevice> {
    const device = await join(controlPlane, inventoryOf(profile), profile);
    connected.push(device);
    return device;
  }

  async function ordered(device: ScriptedDevice, request = {}): Promise<TuningView> {
    const { status, body } = await orderTuning(controlPlane, device.id, { ...TINY, ...request });
    expect(status, JSON.stringify(body)).toBe(202);
    return body;
  }

  const quiet = (desired: DesiredState) => desired.tuning === null;
  const measurements = async () =>
    (
      await rest<Page<TuningMeasurement>>(
        controlPlane,
        "GET",
        "/api/v1/models/tiny/versions/1.0.0/measurements?limit=500",
      )
    ).body.items;

  it("names the candidates of the device's plan with their bundles, and the rules", async () => {
    const device = await enter();
    const view = await ordered(device, { budgetSeconds: 77, maximumCpuShare: 0.25, hysteresisHours: 1 });
    expect(view).toMatchObject({ status: "queued", progress: 0, report: null, reason: "an operator asked for it" });
    const order = await toldToTune(device);
    expect(order).toMatchObject({
      ...TINY,
      tuningId: view.tuningId,
      budget: { seconds: 77, maximumCpuShare: 0.25 },
      rules: { minimumGain: 0.05, hysteresisMs: 3_600_000 },
    });
    expect(order.candidates.map(({ runtime }) => runtime.intraOpThreads)).toEqual(
      view.candidates.map(({ intraOpThreads }) => intraOpThreads),
    );
    for (const { bundle } of order.candidates) {
      const { manifest } = await device.download(bundle.bundleId);
      expect(manifest.model).toBe("tiny");
    }
  });

  it("shows how far the device is, then what it said, and stays in its words for a change of its environment", async () => {
    const device = await enter();
    const { tuningId } = await ordered(device);
    const order = await toldToTune(device);
    const state = { ...reported(device.id, 1), tuning: { tuningId, step: "measuring", progress: 0.4 } };
    await device.publish("reported", state);
    expect(await tuningThatIs(controlPlane, tuningId, "in_progress")).toMatchObject({ progress: 0.4 });
    const first = order.candidates[0]?.candidateId ?? "";
    const report = tuningReport(device, order, { times: { [first]: 1 } });
    await device.publish("tuning", report);
    expect(await tuningThatIs(controlPlane, tuningId, "succeeded")).toMatchObject({
      progress: 1,
      report,
      rolloutId: null,
    });
    // A late word on its progress does not begin it anew.
    await device.publish("reported", { ...state, sequence: 2, tuning: { tuningId, step: "measuring", progress: 0.9 } });
    expect((await tuningOf(controlPlane, tuningId)).status).toBe("succeeded");
  });

  it("counts once, however often its report comes", async () => {
    const device = await enter("raspberry-pi-3");
    await ordered(device);
    const order = await toldToTune(device);
    const times = Object.fromEntries(order.candidates.map(({ candidateId }) => [candidateId, 2]));
    const report = tuningReport(device, order, { times });
    for (let time = 0; time < 3; time++) await device.publish("tuning", report);
    const mine = (await measurements()).filter(({ deviceId }) => deviceId === device.id);
    expect(mine).toHaveLength(order.candidates.length);
    expect(mine[0]).toMatchObject({ deviceType: "raspberry-pi-3", emulated: false, runs: 400, providerVerified: true });
    expect(await tuningsOf(controlPlane, device.id)).toHaveLength(1);
  });

  it("that the device did again because its environment changed is one of its own", async () => {
    const device = await enter();
    const { tuningId } = await ordered(device);
    const order = await toldToTune(device);
    await device.publish("tuning", tuningReport(device, order, { times: {} }));
    await tuningThatIs(controlPlane, tuningId, "succeeded");
    const again = tuningReport(device, order, { times: {}, sequence: 2, trigger: "environment_changed" });
    for (let time = 0; time < 2; time++) await device.publish("tuning", again);
    const tunings = await tuningsOf(controlPlane, device.id);
    expect(tunings).toHaveLength(2);
    expect(tunings[0]).toMatchObject({
      status: "succeeded",
      reason: "the device's environment changed",
      report: { sequence: 2, tuningId },
    });
    expect(tunings[1]).toMatchObject({ tuningId, report: { sequence: 1 } });
  });

  it("is canceled, and the device hears of it; a newer one takes the place of an older", async () => {
    const device = await enter();
    const older = await ordered(device);
    await toldToTune(device, older.tuningId);
    const newer = await ordered(device);
    const order = await toldToTune(device, newer.tuningId);
    expect((await tuningOf(controlPlane, older.tuningId)).status).toBe("canceled");
    const cancel = () =>
      rest<TuningView & ErrorReply>(controlPlane, "POST", `/api/v1/tunings/${newer.tuningId}/cancel`);
    expect(await cancel()).toMatchObject({ status: 202, body: { status: "canceled" } });
    await device.wants("no tuning", quiet);
    expect(await cancel()).toMatchObject({ status: 409, body: { error: { code: "SRT_CONFLICT" } } });
    // What it measured until then counts all the same.
    const first = order.candidates[0]?.candidateId ?? "";
    await device.publish("tuning", tuningReport(device, order, { times: { [first]: 1 } }));
    expect((await measurements()).some(({ deviceId }) => deviceId === device.id)).toBe(true);
    expect((await tuningOf(controlPlane, newer.tuningId)).status).toBe("canceled");
    const generations = device.desired.map(({ generation }) => generation);
    expect(generations).toEqual([...new Set(generations)].sort((a, b) => a - b));
  });

  it("that nobody reports on fails a day after its budget", async () => {
    const device = await enter();
    const { tuningId } = await ordered(device, { budgetSeconds: 10 });
    await toldToTune(device);
    ahead += 86_400_000 + 11_000;
    await tuningThatIs(controlPlane, tuningId, "failed");
    await device.wants("no tuning", quiet);
  });

  it("that held back because the last switch was too recent is done again when its time is over, once", async () => {
    const [device, other, last] = [await enter(), await enter(), await enter()];
    const { tuningId } = await ordered(device, { hysteresisHours: 24, budgetSeconds: 33 });
    const order = await toldToTune(device);
    const candidateId = order.candidates[0]?.candidateId ?? "";
    const reason = "it is faster, but the last switch was 1.0 h ago";
    const report = tuningReport(device, order, { times: { [candidateId]: 1 } });
    const gain = { low: 0.3, typical: 0.5, high: 0.6 };
    await device.publish("tuning", { ...report, verdict: { decision: "hold", candidateId, gain, reason } });
    await tuningThatIs(controlPlane, tuningId, "succeeded");
    ahead += 23 * 3_600_000;
    await ordered(other);
    await toldToTune(other);
    expect(await tuningsOf(controlPlane, device.id)).toHaveLength(1);
    ahead += 3_600_000;
    const [again] = await waitFor("the tuning anew", async () => {
      const tunings = await tuningsOf(controlPlane, device.id);
      return tunings.length === 2 && tunings;
    });
    expect(again).toMatchObject({ status: "queued", budget: { seconds: 33 }, rules: order.rules });
    const anew = await toldToTune(device, again?.tuningId);
    expect(anew.candidates).toEqual(order.candidates);
    await device.publish("tuning", tuningReport(device, anew, { times: { [candidateId]: 1 }, sequence: 2 }));
    await tuningThatIs(controlPlane, anew.tuningId, "succeeded");
    ahead += 25 * 3_600_000;
    await ordered(last);
    await toldToTune(last);
    expect(await tuningsOf(controlPlane, device.id)).toHaveLength(2);
  });

  it("is about what the device is told to serve where no version is named", async () => {
    const device = await enter();
    const nothing = await orderTuning(controlPlane, device.id, {});
    expect(nothing).toMatchObject({ status: 400, body: { error: { code: "SRT_INVALID_REQUEST" } } });
    const half = await rest<ErrorReply>(controlPlane, "POST", `/api/v1/devices/${device.id}/tunings`, {
      model: "tiny",
    });
    expect([half.status, half.body.error.message]).toEqual([400, expect.stringMatching(/both a model and a version/)]);
    const request = { name: "serve", ...TINY, devices: [device.id], tailoring: { tune: "never" } };
    expect((await rest(controlPlane, "POST", "/api/v1/rollouts", request)).status).toBe(201);
    await device.told();
    const { status, body } = await orderTuning(controlPlane, device.id, {});
    expect([status, body.model, body.version]).toEqual([202, "tiny", "1.0.0"]);
  });

  it("of another device, or of nobody, is not taken from a device", async () => {
    const [device, liar] = [await enter(), await enter()];
    const { tuningId } = await ordered(device);
    const order = await toldToTune(device);
    await liar.publish("tuning", tuningReport(liar, order, { times: {} }));
    await liar.publish(
      "tuning",
      tuningReport(liar, { ...order, tuningId: "01HZZZZZZZZZZZZZZZZZZZZZZZ" }, { times: {} }),
    );
    expect((await tuningOf(controlPlane, tuningId)).status).toBe("queued");
    expect(await tuningsOf(controlPlane, liar.id)).toEqual([]);
  });

  it("goes with its device, and so do its measurements", async () => {
    const device = await enter();
    const { tuningId } = await ordered(device);
    const order = await toldToTune(device);
    const first = order.candidates[0]?.candidateId ?? "";
    await device.publish("tuning", tuningReport(device, order, { times: { [first]: 1 } }));
    expect((await rest(controlPlane, "DELETE", `/api/v1/devices/${device.id}`)).status).toBe(204);
    const gone = await rest<ErrorReply>(controlPlane, "GET", `/api/v1/tunings/${tuningId}`);
    expect([gone.status, gone.body.error.code]).toEqual([404, "SRT_TUNING_UNKNOWN"]);
    expect((await measurements()).some(({ deviceId }) => deviceId === device.id)).toBe(false);
    expect((await rest(controlPlane, "GET", `/api/v1/devices/${device.id}/tunings`)).status).toBe(404);
  });

  it("keeps the newest fifty of a device", async () => {
    const device = await enter();
    for (let time = 0; time < 53; time++) await ordered(device);
    const { body } = await rest<Page<TuningView>>(
      controlPlane,
      "GET",
      `/api/v1/devices/${device.id}/tunings?limit=200`,
    );
    expect(body.items).toHaveLength(50);
    expect(body.items.map(({ status }) => status)).toEqual(["queued", ...Array<string>(49).fill("canceled")]);
  });

  it("comes over the live channel as it changes", async () => {
    const device = await enter();
    const socket = new WebSocket(`${controlPlane.httpUrl.replace("http", "ws")}/api/v1/live`);
    const events: LiveEvent[] = [];
    socket.on("message", (data) => events.push(JSON.parse(data.toString()) as LiveEvent));
    await new Promise((resolve) => socket.once("open", resolve));
    socket.send(JSON.stringify({ type: "authenticate", token: controlPlane.operatorToken }));
    await waitFor("the channel", () => events.some(({ type }) => type === "ready"));
    const { tuningId } = await ordered(device);
    await waitFor("the tuning", () =>
      events.some((event) => event.type === "tuning" && event.tuning.tuningId === tuningId),
    );
    socket.close();
  });
});
