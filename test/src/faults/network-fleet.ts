import { mkdtempSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IdentityStore } from "@sartor/agent/identity";
import type { TlsCredential } from "@sartor/agent/platform";
import type { DeviceDetail, RolloutDetail } from "@sartor/shared/protocol";
import { type Middleman, startMiddleman } from "../attacks/middleman.js";
import { type AgentProcess, startAgentProcess } from "../support/agent-process.js";
import { type ControlPlaneProcess, freePort, startControlPlaneProcess } from "../support/control-plane-process.js";
import { register } from "../support/registering.js";
import { credentials } from "../support/test-credentials.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { type MessagesLine, startMessagesLine } from "./messages-line.js";
import { type NetworkLine, startNetworkLine } from "./network-line.js";

const MODEL = "tiny";
/** Golden vectors are most of a bundle: so large that it has several chunks. */
const PIXELS = 96;

export interface NetworkDevice {
  readonly deviceId: string;
  readonly folder: string;
  readonly agent: AgentProcess;
  /** What answers at its inference endpoint. */
  answering(): Promise<string | undefined>;
  view(): Promise<DeviceDetail>;
}

/** Real agents and a real control plane, each a process, with bad lines, bad proxies and a bad broker between them. */
export interface NetworkFleet {
  readonly controlPlane: ControlPlaneProcess;
  readonly devices: readonly NetworkDevice[];
  /** TCP below HTTPS and below MQTT. */
  readonly httpsLine: NetworkLine;
  readonly mqttLine: NetworkLine;
  /** HTTP. */
  readonly middleman: Middleman;
  /** MQTT. */
  readonly messages: MessagesLine;
  /** Address that nobody has any business at, and how often somebody came there. */
  readonly elsewhere: { readonly url: string; visits(): number };
  /** Makes the next version, signed by everybody; resolves with its number. */
  release(): Promise<string>;
  /** Orders a version for all devices. */
  order(version: string): Promise<string>;
  rollout(id: string): Promise<RolloutDetail>;
  stop(): Promise<void>;
}

export async function startNetworkFleet(count: number): Promise<NetworkFleet> {
  const folder = mkdtempSync(join(tmpdir(), "sartor-network-faults-"));
  await mkdir(join(folder, "control-plane"));
  const targets = { https: { port: await freePort() }, mqtt: { port: await freePort() } };
  const httpsLine = await startNetworkLine(targets.https);
  const mqttLine = await startNetworkLine(targets.mqtt);
  const httpsUrl = `https://127.0.0.1:${httpsLine.port}`;
  const controlPlane = await startControlPlaneProcess(join(folder, "control-plane"), {
    SARTOR_PUBLIC_DEVICE_URL: httpsUrl,
    SARTOR_PUBLIC_MQTT_URL: `mqtts://127.0.0.1:${mqttLine.port}`,
    SARTOR_BUILD_AUTOMATICALLY: "false",
    // What is bad here is the line: that devices come again and again is wanted.
    SARTOR_CONNECTIONS_PER_MINUTE: "1000000",
    SARTOR_ENROLMENTS_PER_MINUTE: "1000",
  });
  const root = await (await fetch(`${controlPlane.httpUrl}/api/v1/certificates/authority`)).text();
  const folders = Array.from({ length: count }, (_, index) => join(folder, `agent-${index}`));
  const credential = (deviceId: string | undefined): TlsCredential => {
    const stored = folders
      .map((of) => new IdentityStore(join(of, "identity")).read("current"))
      .find((identity) => identity?.deviceId === deviceId);
    return stored === undefined
      ? { ca: root }
      : { ca: root, client: { certificate: stored.certificate, key: stored.key } };
  };
  const middleman = await startMiddleman(controlPlane, targets.https.port, credential);
  const messages = await startMessagesLine(controlPlane, targets.mqtt.port, credential);
  const elsewhere = await startElsewhere();
  const devices: NetworkDevice[] = [];
  for (const [index, of] of folders.entries()) devices.push(await enrolDevice(controlPlane, httpsUrl, of, index));
  let version = 0;
  return {
    controlPlane,
    devices,
    httpsLine,
    mqttLine,
    middleman,
    messages,
    elsewhere,
    async release() {
      version += 1;
      const name = `${version}.0.0`;
      const model = buildTinyClassifier({ name: MODEL, version: name, width: PIXELS, height: PIXELS, seed: version });
      const { status, body } = await register(controlPlane, model);
      if (status >= 300) throw new Error(`registering answered ${status}: ${JSON.stringify(body)}`);
      return name;
    },
    async order(wanted) {
      const body = {
        name: `${MODEL} ${wanted}`,
        model: MODEL,
        version: wanted,
        devices: devices.map(({ deviceId }) => deviceId),
        probe: { soakSeconds: 0 },
        // A device that measures is told once more what to do: that would be two deployments.
        tailoring: { tune: "never" },
      };
      return (await controlPlane.api<{ rolloutId: string }>("POST", "/api/v1/rollouts", body)).rolloutId;
    },
    rollout: (id) => controlPlane.api<RolloutDetail>("GET", `/api/v1/rollouts/${id}`),
    async stop() {
      for (const { agent } of devices) await agent.kill();
      await messages.stop();
      await middleman.stop();
      await httpsLine.close();
      await mqttLine.close();
      await elsewhere.stop();
      await controlPlane.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function enrolDevice(
  controlPlane: ControlPlaneProcess,
  httpsUrl: string,
  folder: string,
  index: number,
): Promise<NetworkDevice> {
  const { token } = await controlPlane.api<{ token: string }>("POST", "/api/v1/enrolment-tokens", {});
  const inferencePort = await freePort();
  const agent = await startAgentProcess(folder, {
    SARTOR_CONTROL_PLANE_URL: httpsUrl,
    SARTOR_ENROLMENT_TOKEN: token,
    SARTOR_DEVICE_NAME: `device ${index}`,
    SARTOR_INFERENCE_PORT: String(inferencePort),
  });
  const deviceId = await waitFor("the device to enrol", () => agent.deviceId());
  return {
    deviceId,
    folder,
    agent,
    view: () => controlPlane.api<DeviceDetail>("GET", `/api/v1/devices/${deviceId}`),
    async answering() {
      const reply = await fetch(`http://127.0.0.1:${inferencePort}/v2/models/${MODEL}`).catch(() => undefined);
      if (reply?.ok !== true) return undefined;
      return ((await reply.json()) as { versions?: string[] }).versions?.join();
    },
  };
}

/** A server that notices every connection. */
async function startElsewhere() {
  let visits = 0;
  const { certificate, key } = credentials.server;
  const server: Server = createServer({ cert: certificate, key }, (_request, response) => response.end());
  server.on("connection", () => {
    visits += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    visits: () => visits,
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
