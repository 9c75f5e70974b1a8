import { mkdtempSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Agent, type AgentContext, startAgent } from "@sartor/agent";
import { readSettings } from "@sartor/agent/config";
import { IdentityStore } from "@sartor/agent/identity";
import { TestTrust } from "@sartor/agent/ota/testing";
import { createLogger, systemClock } from "@sartor/agent/platform";
import type { DesiredState, LogEvent, ReportedState } from "@sartor/shared/protocol";
import { type BundleServer, startBundleServer } from "../agent-tuning/bundle-server.js";
import { TestBroker } from "../link/test-broker.js";
import { freePort } from "../support/control-plane-process.js";
import { DEVICE_ID, identityAt } from "../support/test-credentials.js";
import type { TinyBundle } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

/** The real agent, with a broker and a server of bundles and signed orders in the place of the control plane, each of which may misbehave. */
export interface OrdersDevice {
  /** The agent's state. */
  readonly folder: string;
  readonly broker: TestBroker;
  readonly trust: TestTrust;
  readonly server: BundleServer;
  readonly log: readonly string[];
  start(): Promise<void>;
  /** Ends it in order; starting again is a restart. */
  stopAgent(): Promise<void>;
  reported(): ReportedState | undefined;
  events(): LogEvent[];
  /** Waits until that bundle serves and, where it is said by a report, its deployment has succeeded. */
  serving(bundle: TinyBundle): Promise<ReportedState>;
  /** Waits until the device reports that it does not follow its orders, and why. */
  refused(code: string): Promise<ReportedState>;
  /** What answers at the inference endpoint now: name and version; undefined while nothing does. */
  answering(): Promise<string | undefined>;
  stop(): Promise<void>;
}

let lastId = 0;
/** A ULID that is used once. */
const newId = (): string => `01K${String(++lastId).padStart(23, "0")}`;

/** What a device shall do: install that bundle, or nothing. */
export function desiredOf(generation: number, bundle?: TinyBundle, deviceId = DEVICE_ID): DesiredState {
  const deployment = bundle && {
    deploymentId: newId(),
    rolloutId: newId(),
    bundle: {
      bundleId: bundle.bundleId,
      manifestBytes: bundle.manifestBytes.byteLength,
      model: bundle.manifest.model,
      version: bundle.manifest.version,
    },
    probe: { deadlineMs: 60_000, soakMs: 0 },
  };
  return {
    schemaVersion: 1,
    deviceId,
    generation,
    issuedAt: Date.now(),
    deployment: deployment ?? null,
    tuning: null,
    telemetry: { windowSeconds: 60 },
  };
}

/** @param ordersPeriodMs how often it looks for orders without being told */
export async function startOrdersDevice(
  bundles: readonly TinyBundle[],
  ordersPeriodMs: number,
  more: Pick<AgentContext, "slowestDelivery"> = {},
): Promise<OrdersDevice> {
  const folder = mkdtempSync(join(tmpdir(), "sartor-agent-orders-"));
  const broker = new TestBroker();
  await broker.start();
  const trust = new TestTrust(DEVICE_ID, Date.now());
  const server = await startBundleServer(bundles, trust);
  await mkdir(join(folder, "agent"));
  const identity = identityAt({ mqttUrl: broker.url, httpUrl: server.url });
  new IdentityStore(join(folder, "agent", "identity")).write("current", identity);
  const port = await freePort();
  const log: string[] = [];
  let agent: Agent | undefined;
  const reported = () => broker.of("reported").at(-1) as ReportedState | undefined;
  const device: OrdersDevice = {
    folder: join(folder, "agent"),
    broker,
    trust,
    server,
    log,
    async start() {
      agent = await startAgent(
        readSettings({ SARTOR_AGENT_STATE_DIR: join(folder, "agent"), SARTOR_INFERENCE_PORT: String(port) }),
        {
          clock: systemClock,
          logger: createLogger("debug", (line) => void log.push(line)),
          signal: new AbortController().signal,
          ordersPeriodMs,
          ...more,
        },
      );
    },
    async stopAgent() {
      await agent?.stop();
      agent = undefined;
    },
    reported,
    events: () => broker.of("events").filter(({ type }) => type === "log") as unknown as LogEvent[],
    serving: ({ bundleId }) =>
      waitFor("the bundle to serve", () => {
        const now = reported();
        const isDone = now?.deployment?.bundleId !== bundleId || now.deployment.status === "succeeded";
        return isDone && now?.serving.state === "ready" && now.serving.bundleId === bundleId && now;
      }),
    refused: (code) =>
      waitFor(`the device to report ${code}`, () => {
        const now = reported();
        return now?.ordersRefusal?.code === code && now;
      }),
    async answering() {
      try {
        const reply = await fetch(`http://127.0.0.1:${port}/v2/models/tiny`);
        const { name, versions } = (await reply.json()) as { name?: string; versions?: string[] };
        return reply.ok ? `${name} ${versions}` : undefined;
      } catch {
        return undefined;
      }
    },
    async stop() {
      await device.stopAgent();
      await broker.stop();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return device;
}
