import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IdentityStore } from "@sartor/agent/identity";
import type { TlsCredential } from "@sartor/agent/platform";
import type { DeviceDetail, RolloutDetail } from "@sartor/shared/protocol";
import { expect } from "vitest";
import { type AgentProcess, startAgentProcess } from "../support/agent-process.js";
import { type ControlPlaneProcess, freePort, startControlPlaneProcess } from "../support/control-plane-process.js";
import { rootOf } from "../support/enrolled-device.js";
import { register } from "../support/registering.js";
import { buildTinyClassifier, canonicalJson } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { type Middleman, startMiddleman } from "./middleman.js";

/** Devices of a real control plane, each a process of its own, with somebody in the middle of its HTTPS. */
export interface AttackedFleet {
  readonly controlPlane: ControlPlaneProcess;
  readonly devices: readonly AttackedMember[];
  /** Makes a version, signed by everybody. */
  release(version: string): Promise<void>;
  /** Orders a version for a device; resolves with the rollout's id. */
  order(device: AttackedMember, version: string): Promise<string>;
  rollout(id: string): Promise<RolloutDetail>;
  /** An online key, stolen from where the control plane keeps it. */
  stolenKey(name: "image-snapshot" | "image-timestamp" | "director-online"): KeyObject;
  stop(): Promise<void>;
}

export interface AttackedMember {
  readonly deviceId: string;
  readonly agent: AgentProcess;
  readonly middleman: Middleman;
  readonly credential: TlsCredential;
  view(): Promise<DeviceDetail>;
  serving(version: string): Promise<DeviceDetail>;
  /** Waits for a refusal of its orders, and looks that it serves that version all the same. */
  refuses(code: string, version: string): Promise<DeviceDetail>;
  /** What answers at its inference endpoint. */
  answering(): Promise<string | undefined>;
}

const MODEL = "tiny";

export async function startAttackedFleet(count = 1): Promise<AttackedFleet> {
  const folder = mkdtempSync(join(tmpdir(), "sartor-attacked-"));
  await mkdir(join(folder, "control-plane"));
  const ports = await Promise.all(Array.from({ length: count }, () => freePort()));
  const controlPlane = await startControlPlaneProcess(join(folder, "control-plane"), {
    // Nothing here is about choosing among variants.
    SARTOR_BUILD_AUTOMATICALLY: "false",
  });
  const root = await rootOf(controlPlane as never);
  const devices: AttackedMember[] = [];
  for (const [index, port] of ports.entries())
    devices.push(await joinFleet(controlPlane, root, join(folder, `agent-${index}`), port));
  return {
    controlPlane,
    devices,
    async release(version) {
      const seed = Number(version.replaceAll(".", ""));
      const { status, body } = await register(
        controlPlane,
        buildTinyClassifier({ name: MODEL, version, width: 8, height: 8, seed }),
      );
      if (status >= 300) throw new Error(`registering answered ${status}: ${JSON.stringify(body)}`);
    },
    async order({ deviceId }, version) {
      const wanted = {
        name: `${MODEL} ${version}`,
        model: MODEL,
        version,
        devices: [deviceId],
        probe: { soakSeconds: 0 },
      };
      return (await controlPlane.api<{ rolloutId: string }>("POST", "/api/v1/rollouts", wanted)).rolloutId;
    },
    rollout: (id) => controlPlane.api<RolloutDetail>("GET", `/api/v1/rollouts/${id}`),
    stolenKey: (name) => createPrivateKey(readFileSync(join(controlPlane.stateFolder, "keys", `${name}.pem`))),
    async stop() {
      for (const { agent, middleman } of devices) {
        await agent.stop();
        await middleman.stop();
      }
      await controlPlane.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function joinFleet(
  controlPlane: ControlPlaneProcess,
  root: string,
  folder: string,
  port: number,
): Promise<AttackedMember> {
  const identities = () => new IdentityStore(join(folder, "identity"));
  const credential = (): TlsCredential => {
    const { certificate, key } = identities().read("current") ?? {};
    return certificate === undefined || key === undefined ? { ca: root } : { ca: root, client: { certificate, key } };
  };
  const middleman = await startMiddleman(controlPlane, port, (known) =>
    known === undefined ? { ca: root } : credential(),
  );
  // Devices are told where they reach the control plane when they enrol: whoever is in the middle stays there.
  middleman.tamper = (path, answer) => {
    if (path !== "/api/v1/enrolments" || answer.status !== 200) return false;
    answer.body = Buffer.from(JSON.stringify({ ...JSON.parse(answer.body.toString()), httpUrl: middleman.url }));
    return false;
  };
  const { token } = await controlPlane.api<{ token: string }>("POST", "/api/v1/enrolment-tokens", {});
  const inferencePort = await freePort();
  const agent = await startAgentProcess(folder, {
    SARTOR_CONTROL_PLANE_URL: middleman.url,
    SARTOR_ENROLMENT_TOKEN: token,
    SARTOR_INFERENCE_PORT: String(inferencePort),
  });
  const deviceId = await waitFor("the device to enrol", () => agent.deviceId());
  middleman.tamper = () => undefined;
  const view = () => controlPlane.api<DeviceDetail>("GET", `/api/v1/devices/${deviceId}`);
  const answering = async () => {
    const reply = await fetch(`http://127.0.0.1:${inferencePort}/v2/models/${MODEL}`).catch(() => undefined);
    if (reply?.ok !== true) return undefined;
    const { versions } = (await reply.json()) as { versions?: string[] };
    return versions?.join();
  };
  return {
    deviceId,
    agent,
    middleman,
    get credential() {
      return credential();
    },
    view,
    answering,
    serving: (version) =>
      waitFor(`the device to serve ${version}`, async () => {
        const now = await view();
        const { serving, deployment, ordersRefusal } = now.reported ?? {};
        const isServing = serving?.state === "ready" && serving.version === version;
        return isServing && deployment?.status === "succeeded" && ordersRefusal === null && now;
      }),
    async refuses(code, version) {
      const refused = await waitFor(`the device to refuse with ${code}`, async () => {
        const now = await view();
        return now.reported?.ordersRefusal?.code === code && now;
      });
      expect(refused.reported?.serving).toMatchObject({ state: "ready", version, restarts: 0 });
      expect(refused.reported?.deployment?.status).toBe("succeeded");
      expect(await answering()).toBe(version);
      return refused;
    },
  };
}

/** Metadata of a role as it is on the wire. */
export interface Signed {
  signatures: { keyid: string; sig: string }[];
  // biome-ignore lint/suspicious/noExplicitAny: whatever an attacker wants to change.
  signed: any;
}

/** Signs metadata again, under the key id that it was signed with, after an attacker changed it. */
export function forge({ signatures, signed }: Signed, key: KeyObject): Buffer {
  const sig = sign(null, Buffer.from(canonicalJson(signed)), key).toString("hex");
  return Buffer.from(
    JSON.stringify({ signatures: signatures.slice(0, 1).map(({ keyid }) => ({ keyid, sig })), signed }),
  );
}
