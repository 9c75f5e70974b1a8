import { mkdtempSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeviceDetail, RolloutDetail } from "@sartor/shared/protocol";
import { type AgentProcess, startAgentProcess } from "../support/agent-process.js";
import { type ControlPlaneProcess, freePort, startControlPlaneProcess } from "../support/control-plane-process.js";
import { register } from "../support/registering.js";
import { buildTinyClassifier, type TinyModel } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

const MODEL = "tiny";
/** Width and height of the input: golden vectors are most of a bundle, which has several chunks then. */
const PIXELS = 48;

/** An agent that can be ended and started again on the same state, by whoever plays service manager. */
export interface FaultyDevice {
  readonly deviceId: string;
  readonly folder: string;
  readonly agent: AgentProcess;
  /** Inference endpoint. */
  readonly url: string;
  kill(): Promise<void>;
  /** @param environment in addition to what it always has */
  start(environment?: Record<string, string>): Promise<void>;
  view(): Promise<DeviceDetail>;
}

/** A control plane and its devices, each a process. */
export interface FaultyFleet {
  readonly controlPlane: ControlPlaneProcess;
  readonly devices: readonly FaultyDevice[];
  /** Makes the next version, signed by everybody. */
  release(): Promise<string>;
  modelOf(version: string): TinyModel;
  order(version: string): Promise<string>;
  rollout(id: string): Promise<RolloutDetail>;
  stop(): Promise<void>;
}

export interface FaultyFleetOptions {
  readonly devices: number;
  /** Where the devices' folders are made; a temporary folder by default. */
  readonly deviceRoot?: string;
}

/** Starts a fleet in which the first version serves everywhere. */
export async function startFaultyFleet({ devices: count, deviceRoot }: FaultyFleetOptions): Promise<FaultyFleet> {
  const folder = mkdtempSync(join(tmpdir(), "sartor-faults-"));
  await mkdir(join(folder, "control-plane"));
  const controlPlane = await startControlPlaneProcess(join(folder, "control-plane"), {
    SARTOR_BUILD_AUTOMATICALLY: "false",
    // That devices come again and again is wanted here.
    SARTOR_CONNECTIONS_PER_MINUTE: "1000000",
    SARTOR_ENROLMENTS_PER_MINUTE: "1000",
  });
  const devices: FaultyDevice[] = [];
  for (let index = 0; index < count; index++) {
    devices.push(await joinFleet(controlPlane, join(deviceRoot ?? folder, `agent-${index}`), index));
  }
  const models = new Map<string, TinyModel>();
  const fleet: FaultyFleet = {
    controlPlane,
    devices,
    async release() {
      const version = `${models.size + 1}.0.0`;
      const model = buildTinyClassifier({
        name: MODEL,
        version,
        width: PIXELS,
        height: PIXELS,
        seed: models.size + 1,
        goldenVectors: 4,
      });
      const { status, body } = await register(controlPlane, model);
      if (status >= 300) throw new Error(`registering answered ${status}: ${JSON.stringify(body)}`);
      models.set(version, model);
      return version;
    },
    modelOf(version) {
      const model = models.get(version);
      if (model === undefined) throw new Error(`there is no version ${version}`);
      return model;
    },
    async order(version) {
      const body = {
        name: `${MODEL} ${version}`,
        model: MODEL,
        version,
        devices: devices.map(({ deviceId }) => deviceId),
        probe: { soakSeconds: 0 },
        tailoring: { tune: "never" },
      };
      return (await controlPlane.api<{ rolloutId: string }>("POST", "/api/v1/rollouts", body)).rolloutId;
    },
    rollout: (id) => controlPlane.api<RolloutDetail>("GET", `/api/v1/rollouts/${id}`),
    async stop() {
      for (const device of devices) await device.kill();
      await controlPlane.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  const rolloutId = await fleet.order(await fleet.release());
  await waitFor("the first version to serve everywhere", async () => {
    const { status } = await fleet.rollout(rolloutId);
    if (status === "failed") throw new Error("the first rollout failed");
    return status === "succeeded";
  });
  return fleet;
}

async function joinFleet(controlPlane: ControlPlaneProcess, folder: string, index: number): Promise<FaultyDevice> {
  const { token } = await controlPlane.api<{ token: string }>("POST", "/api/v1/enrolment-tokens", {});
  const port = await freePort();
  const always = {
    SARTOR_CONTROL_PLANE_URL: `https://127.0.0.1:${controlPlane.devicePort}`,
    SARTOR_ENROLMENT_TOKEN: token,
    SARTOR_DEVICE_NAME: `device ${index}`,
    SARTOR_INFERENCE_PORT: String(port),
  };
  let agent = await startAgentProcess(folder, always);
  const deviceId = await waitFor("the device to enrol", () => agent.deviceId());
  return {
    deviceId,
    folder,
    get agent() {
      return agent;
    },
    url: `http://127.0.0.1:${port}`,
    kill: () => agent.kill(),
    async start(environment = {}) {
      agent = await startAgentProcess(folder, { ...always, ...environment });
    },
    view: () => controlPlane.api<DeviceDetail>("GET", `/api/v1/devices/${deviceId}`),
  };
}
