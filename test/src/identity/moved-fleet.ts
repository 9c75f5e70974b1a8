import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Agent, startAgent } from "@sartor/agent";
import { readSettings } from "@sartor/agent/config";
import { IdentityStore } from "@sartor/agent/identity";
import { createLogger, systemClock, type TlsCredential } from "@sartor/agent/platform";
import type { DeviceCertificatesReply, DeviceDetail, RolloutDetail } from "@sartor/shared/protocol";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { freePort } from "../support/control-plane-process.js";
import { makeToken, rest } from "../support/enrolled-device.js";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.js";
import { waitFor } from "../support/wait-for.js";

export const DAY_MS = 86_400_000;
/** The agent looks hourly at its certificate; here after so much, ms, since the clock that a test moves wakes nobody up. */
const LOOK_MS = 100;

/** A control plane and real agents in this process, all by one clock, which a test moves; between them a line that it can slow. */
export interface MovedFleet {
  readonly controlPlane: RunningControlPlane;
  readonly line: FaultProxy;
  /** Lets that much time pass for everybody, ms. */
  pass(milliseconds: number): void;
  /** A device with a state folder of its own, not started yet. */
  device(name: string, environment?: Record<string, string>): MovedDevice;
  rollout(rolloutId: string): Promise<RolloutDetail>;
  stop(): Promise<void>;
}

export interface MovedDevice {
  readonly folder: string;
  readonly deviceId: string;
  readonly log: readonly string[];
  /** What it shows now, and whom it trusts. */
  readonly credential: TlsCredential;
  /** Starts the agent; resolves when it is enrolled and runs. */
  start(more?: Record<string, string>): Promise<void>;
  stop(): Promise<void>;
  /** Waits until the control plane sees it. */
  online(): Promise<DeviceDetail>;
  view(): Promise<DeviceDetail>;
  /** Its certificates, the newest first, as the control plane knows them. */
  certificates(): Promise<DeviceCertificatesReply>;
  /** Waits for a line of the log. */
  says(text: string | RegExp): Promise<string>;
}

/**
 * Starts a fleet.
 *
 * @param beganAgoMs how far in the past its clock begins. TLS goes by this machine's own clock: what is issued must not begin after that, so
 *   time that is to pass has to be time that has passed
 */
export async function startMovedFleet(environment: Record<string, string> = {}, beganAgoMs = 0): Promise<MovedFleet> {
  let offset = -beganAgoMs;
  const now = () => Date.now() + offset;
  const port = await freePort();
  const line = await startFaultProxy({ host: "127.0.0.1", port });
  const controlPlane = await startControlPlane({
    now,
    env: {
      SARTOR_ENROLMENTS_PER_MINUTE: "10000",
      SARTOR_BUILD_AUTOMATICALLY: "false",
      SARTOR_DEVICE_PORT: String(port),
      SARTOR_PUBLIC_DEVICE_URL: `https://127.0.0.1:${line.port}`,
      ...environment,
    },
  });
  const devices: MovedDevice[] = [];
  return {
    controlPlane,
    line,
    pass: (milliseconds) => {
      offset += milliseconds;
    },
    device(name, more) {
      const device = newDevice(controlPlane, `https://127.0.0.1:${line.port}`, name, now, more);
      devices.push(device);
      return device;
    },
    rollout: async (id) => (await rest<RolloutDetail>(controlPlane, "GET", `/api/v1/rollouts/${id}`)).body,
    async stop() {
      for (const device of devices) {
        await device.stop();
        rmSync(device.folder, { recursive: true, force: true });
      }
      await controlPlane.stop();
      await line.close();
    },
  };
}

function newDevice(
  controlPlane: RunningControlPlane,
  url: string,
  name: string,
  now: () => number,
  environment: Record<string, string> = {},
): MovedDevice {
  const folder = mkdtempSync(join(tmpdir(), "sartor-moved-"));
  const store = () => new IdentityStore(join(folder, "identity"));
  const log: string[] = [];
  // Whatever waits for so long waits for the clock; back-off of a refused certificate too.
  const clock = {
    now,
    monotonic: systemClock.monotonic,
    sleep: (milliseconds: number, signal?: AbortSignal) =>
      systemClock.sleep(milliseconds >= 20_000 ? LOOK_MS : milliseconds, signal),
  };
  let running: { agent: Promise<Agent>; end: AbortController } | undefined;
  const current = () => {
    const identity = store().read("current");
    if (identity === undefined) throw new Error(`${name} is not enrolled`);
    return identity;
  };
  const view = async () =>
    (await rest<DeviceDetail>(controlPlane, "GET", `/api/v1/devices/${current().deviceId}`)).body;
  return {
    folder,
    log,
    get deviceId() {
      return current().deviceId;
    },
    get credential() {
      const { authorities, certificate, key } = current();
      return { ca: authorities, client: { certificate, key } };
    },
    async start(more = {}) {
      const isEnrolled = store().read("current") !== undefined;
      const needsToken =
        !isEnrolled && !("SARTOR_CA_FINGERPRINT" in environment) && !("SARTOR_ENROLMENT_TOKEN" in more);
      const settings = readSettings({
        SARTOR_AGENT_STATE_DIR: folder,
        SARTOR_CONTROL_PLANE_URL: url,
        SARTOR_DEVICE_NAME: name,
        SARTOR_INFERENCE_PORT: "0",
        ...(needsToken ? { SARTOR_ENROLMENT_TOKEN: await makeToken(controlPlane) } : {}),
        ...environment,
        ...more,
      });
      const end = new AbortController();
      const logger = createLogger("debug", (text) => void log.push(text), now);
      const agent = startAgent(settings, { clock, logger, signal: end.signal });
      running = { agent, end };
      await agent;
    },
    async stop() {
      const was = running;
      running = undefined;
      was?.end.abort();
      await was?.agent.then(
        (agent) => agent.stop(),
        () => undefined,
      );
    },
    view,
    online: () =>
      waitFor(`${name} to be online`, async () => {
        const seen = await view();
        return seen.presence?.status === "online" && seen;
      }),
    certificates: async () => {
      const path = `/api/v1/devices/${current().deviceId}/certificates`;
      return (await rest<DeviceCertificatesReply>(controlPlane, "GET", path)).body;
    },
    says: (text) =>
      waitFor(`${name} to say ${text}`, () =>
        log.find((line) => (typeof text === "string" ? line.includes(text) : text.test(line))),
      ),
  };
}
