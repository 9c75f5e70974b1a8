import { mkdtempSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeviceDetail, ModelVersionView, RolloutDetail, TelemetryReply } from "@sartor/shared/protocol";
import { type AgentProcess, startAgentProcess } from "./agent-process.js";
import { type ControlPlaneProcess, freePort, startControlPlaneProcess } from "./control-plane-process.js";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.js";
import { type ModelFiles, register } from "./registering.js";
import { waitFor } from "./wait-for.js";

/** A control plane and one agent, each a process of its own, with proxies on both lines between them. */
export interface Fleet {
  readonly folder: string;
  readonly controlPlane: ControlPlaneProcess;
  readonly httpLine: FaultProxy;
  readonly mqttLine: FaultProxy;
  agent: AgentProcess;
  readonly deviceId: string;
  restartAgent(): Promise<void>;
  /** Registers a version; resolves when it is signed. */
  register(model: ModelFiles): Promise<ModelVersionView>;
  /** Begins a rollout to the device; resolves with its id. */
  rollOut(model: string, version: string, more?: Record<string, unknown>): Promise<string>;
  rollout(id: string): Promise<RolloutDetail>;
  device(): Promise<DeviceDetail>;
  telemetry(): Promise<TelemetryReply>;
  /** Waits until the device serves that version and the control plane knows it; resolves with the endpoint. */
  serving(version: string, timeoutMs?: number): Promise<string>;
  stop(): Promise<void>;
}

/** Starts a fleet of one, with telemetry windows of a second. */
export async function startFleet(agentEnvironment: Record<string, string> = {}): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), "sartor-fleet-"));
  await mkdir(join(folder, "control-plane"));
  // The proxies need the ports, and the control plane needs the proxies' addresses for what it tells devices.
  const lines: { http?: FaultProxy; mqtt?: FaultProxy } = {};
  const target = { http: { host: "127.0.0.1", port: 0 }, mqtt: { host: "127.0.0.1", port: 0 } };
  lines.http = await startFaultProxy(target.http);
  lines.mqtt = await startFaultProxy(target.mqtt);
  const controlPlane = await startControlPlaneProcess(join(folder, "control-plane"), {
    SARTOR_TELEMETRY_WINDOW_SECONDS: "1",
    SARTOR_PUBLIC_DEVICE_URL: `https://127.0.0.1:${lines.http.port}`,
    SARTOR_PUBLIC_MQTT_URL: `mqtts://127.0.0.1:${lines.mqtt.port}`,
  });
  target.http.port = controlPlane.devicePort;
  target.mqtt.port = controlPlane.mqttPort;
  const { token } = await controlPlane.api<{ token: string }>("POST", "/api/v1/enrolment-tokens", {});
  const environment = {
    SARTOR_CONTROL_PLANE_URL: `https://127.0.0.1:${lines.http.port}`,
    SARTOR_ENROLMENT_TOKEN: token,
    SARTOR_DEVICE_NAME: "the device under test",
    SARTOR_INFERENCE_PORT: String(await freePort()),
    ...agentEnvironment,
  };
  const agentFolder = join(folder, "agent");
  const agent = await startAgentProcess(agentFolder, environment);
  const deviceId = await waitFor("the device to enrol", () => agent.deviceId());
  const fleet: Fleet = {
    folder,
    controlPlane,
    httpLine: lines.http,
    mqttLine: lines.mqtt,
    agent,
    deviceId,
    async restartAgent() {
      fleet.agent = await startAgentProcess(agentFolder, environment);
    },
    async register(model) {
      const { status, body } = await register(controlPlane, model);
      if (status >= 300) throw new Error(`registering answered ${status}: ${JSON.stringify(body)}`);
      return body;
    },
    async rollOut(model, version, more = {}) {
      const body = {
        name: `${model} ${version}`,
        model,
        version,
        devices: [deviceId],
        probe: { soakSeconds: 1 },
        ...more,
      };
      return (await controlPlane.api<{ rolloutId: string }>("POST", "/api/v1/rollouts", body)).rolloutId;
    },
    rollout: (id) => controlPlane.api<RolloutDetail>("GET", `/api/v1/rollouts/${id}`),
    device: () => controlPlane.api<DeviceDetail>("GET", `/api/v1/devices/${deviceId}`),
    telemetry: () => controlPlane.api<TelemetryReply>("GET", `/api/v1/devices/${deviceId}/telemetry?limit=1000`),
    serving: (version, timeoutMs = 60_000) =>
      waitFor(
        `the device to serve ${version}`,
        async () => {
          const { reported, presence } = await fleet.device();
          const serving = presence.status === "online" ? reported?.serving : undefined;
          return serving?.state === "ready" &&
            serving.version === version &&
            reported?.deployment?.status !== "in_progress"
            ? serving.endpoint
            : undefined;
        },
        timeoutMs,
      ),
    async stop() {
      await fleet.agent.stop();
      await controlPlane.stop();
      await lines.http?.close();
      await lines.mqtt?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return fleet;
}
