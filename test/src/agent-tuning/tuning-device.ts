import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IdentityStore } from "@sartor/agent/identity";
import { TestTrust } from "@sartor/agent/ota/testing";
import type {
  DesiredDeployment,
  DesiredState,
  ReportedState,
  RuntimeSettings,
  TuningOrder,
  TuningReport,
} from "@sartor/shared/protocol";
import { releaseOf } from "../agent-orders/release-of.js";
import { TestBroker } from "../link/test-broker.js";
import { type AgentProcess, startAgentProcess } from "../support/agent-process.js";
import { freePort } from "../support/control-plane-process.js";
import { DEVICE_ID, identityAt } from "../support/test-credentials.js";
import type { TinyBundle } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { type BundleServer, startBundleServer } from "./bundle-server.js";

/** What a test orders; the rest is filled in. */
export interface OrderOptions {
  readonly budget?: Partial<TuningOrder["budget"]>;
  readonly rules?: Partial<TuningOrder["rules"]>;
}

/** The real agent in a process of its own, with a broker and a server of bundles and signed orders in the place of the control plane. */
export interface TuningDevice {
  agent: AgentProcess;
  readonly bundles: BundleServer;
  readonly endpoint: string;
  /** SIGKILL, and a start on what it left behind. */
  killAndRestart(): Promise<void>;
  /** Wants a bundle installed, with these settings; what is ordered to be measured stays as it is. */
  deploy(bundle: TinyBundle, runtime?: RuntimeSettings, soakMs?: number): Promise<void>;
  /** Orders bundles to be measured, or nothing; what is deployed stays as it is. */
  order(order: TuningOrder | null): Promise<void>;
  reported(): ReportedState | undefined;
  reports(): TuningReport[];
  /** Waits until that bundle serves and its deployment has ended. */
  serving(bundle: TinyBundle): Promise<ReportedState>;
  /** Names in the folder of candidates. */
  candidates(): string[];
  stop(): Promise<void>;
}

let lastId = 0;
/** A ULID that is used once. */
export const newId = (): string => `01J${String(++lastId).padStart(23, "0")}`;

/** An order over bundles, in this order; each candidate's id is its variant's name. */
export function orderOf(bundles: readonly TinyBundle[], { budget, rules }: OrderOptions = {}): TuningOrder {
  const [first] = bundles;
  if (first === undefined) throw new Error("an order names a bundle");
  return {
    tuningId: newId(),
    model: first.manifest.model,
    version: first.manifest.version,
    candidates: bundles.map(({ bundleId, manifest, manifestBytes }) => ({
      candidateId: manifest.variant.name,
      bundle: { bundleId, manifestBytes: manifestBytes.byteLength },
      variant: { name: manifest.variant.name, kind: manifest.variant.kind },
      executionProvider: "cpu",
      runtime: manifest.runtime,
    })),
    budget: { seconds: 600, maximumCpuShare: 1, ...budget },
    rules: { minimumGain: 0.05, hysteresisMs: 0, ...rules },
  };
}

/** @param missing bundles that are signed, and that the server does not have */
export async function startTuningDevice(
  bundles: readonly TinyBundle[],
  missing: readonly TinyBundle[] = [],
): Promise<TuningDevice> {
  const folder = mkdtempSync(join(tmpdir(), "sartor-tuning-"));
  const broker = new TestBroker();
  await broker.start();
  const trust = new TestTrust(DEVICE_ID, Date.now());
  for (const bundle of [...bundles, ...missing]) trust.release(releaseOf(bundle));
  const server = await startBundleServer(bundles, trust);
  const agentFolder = join(folder, "agent");
  await mkdir(agentFolder);
  const identity = identityAt({ mqttUrl: broker.url, httpUrl: server.url });
  new IdentityStore(join(agentFolder, "identity")).write("current", identity);
  const environment = { SARTOR_INFERENCE_PORT: String(await freePort()) };
  let desired: DesiredState = {
    schemaVersion: 1,
    deviceId: DEVICE_ID,
    generation: 0,
    issuedAt: Date.now(),
    deployment: null,
    tuning: null,
    telemetry: { windowSeconds: 60 },
  };
  const want = (change: Partial<Pick<DesiredState, "deployment" | "tuning">>) => {
    desired = { ...desired, ...change, generation: desired.generation + 1 };
    trust.order(desired);
    return broker.publishNudge(DEVICE_ID, desired.generation);
  };
  const reported = () => broker.of("reported").at(-1) as ReportedState | undefined;
  const device: TuningDevice = {
    agent: await startAgentProcess(agentFolder, environment),
    bundles: server,
    endpoint: `http://127.0.0.1:${environment.SARTOR_INFERENCE_PORT}`,
    async killAndRestart() {
      await device.agent.kill();
      device.agent = await startAgentProcess(agentFolder, environment);
    },
    deploy({ bundleId, manifest, manifestBytes }, runtime, soakMs = 0) {
      const deployment: DesiredDeployment = {
        deploymentId: newId(),
        rolloutId: newId(),
        bundle: {
          bundleId,
          manifestBytes: manifestBytes.byteLength,
          model: manifest.model,
          version: manifest.version,
        },
        ...(runtime === undefined ? {} : { runtime }),
        probe: { deadlineMs: 60_000, soakMs },
      };
      return want({ deployment });
    },
    order: (tuning) => want({ tuning }),
    reported,
    reports: () => broker.of("tuning") as unknown as TuningReport[],
    serving: ({ bundleId }) =>
      waitFor("the bundle to serve", () => {
        const now = reported();
        const done = now?.generation === desired.generation && now.deployment?.status === "succeeded";
        return done && now.serving.state === "ready" && now.serving.bundleId === bundleId && now;
      }),
    candidates: () => readdirSync(join(agentFolder, "candidates")),
    async stop() {
      await device.agent.stop();
      await broker.stop();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return device;
}
