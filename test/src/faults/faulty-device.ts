import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { IdentityStore } from "@sartor/agent/identity";
import { TestTrust } from "@sartor/agent/ota/testing";
import { readGoldenVectors, toNumbers } from "@sartor/shared/domain/tensor";
import { type ReportedState, TERMINAL_DEPLOYMENT_STATUSES } from "@sartor/shared/protocol";
import { desiredOf } from "../agent-orders/orders-device.js";
import { releaseOf } from "../agent-orders/release-of.js";
import { type BundleServer, startBundleServer } from "../agent-tuning/bundle-server.js";
import { TestBroker } from "../link/test-broker.js";
import { freePort } from "../support/control-plane-process.js";
import { DEVICE_ID, identityAt } from "../support/test-credentials.js";
import { buildTinyClassifier, bundleOf, type TinyBundle } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import type { InjectedFault } from "./injected-fault.js";

const AGENT = fileURLToPath(new URL("../../../agent/dist/main.js", import.meta.url));
const PRELOAD = fileURLToPath(new URL("../../dist/faults/preload.js", import.meta.url));
/** As agent/bin/sartor-agent starts it. */
const FLAGS = ["--max-semi-space-size=1", "--v8-pool-size=1", "--optimize-for-size"];

/** Images are square, of so many pixels each way. */
const SIDE = 8;
const CLASSES = 10;

const drawn = (seed: number, version: string) =>
  buildTinyClassifier({ name: "tiny", version, width: SIDE, height: SIDE, seed, classes: CLASSES, goldenVectors: 2 });

/** Three bundles for two slots: whichever is ordered next is on neither. */
export const GOOD: readonly TinyBundle[] = [1, 2, 3].map((seed) => bundleOf(drawn(seed, `${seed}.0.0`)));
/** One whose golden vectors are another network's: it is probed and rolled back. */
export const BAD: TinyBundle = bundleOf({ ...drawn(8, "8.0.0"), golden: drawn(9, "8.0.0").golden });
export const BUNDLES: ReadonlyMap<string, TinyBundle> = new Map([...GOOD, BAD].map((one) => [one.bundleId, one]));

/** What was ordered last. */
export interface Order {
  readonly generation: number;
  readonly releaseCounter: number;
  readonly deploymentId: string;
  readonly bundle: TinyBundle;
}

/** A real agent in a process of its own, that is started again whenever it ends, as a service manager does. */
export class FaultyDevice {
  readonly folder: string;
  readonly broker: TestBroker;
  readonly trust: TestTrust;
  readonly server: BundleServer;
  /** What was done to it and what it did, newest last; with its seed enough to repeat it. */
  readonly events: string[] = [];
  starts = 0;
  order: Order = { generation: 0, releaseCounter: 0, deploymentId: "", bundle: GOOD[0] as TinyBundle };
  readonly #root: string;
  readonly #port: number;
  readonly #plan: string;
  #process: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #mark = 0;

  private constructor(is: {
    readonly root: string;
    readonly folder: string;
    readonly port: number;
    readonly server: BundleServer;
    readonly broker: TestBroker;
    readonly trust: TestTrust;
  }) {
    this.#root = is.root;
    this.folder = is.folder;
    this.#port = is.port;
    this.server = is.server;
    this.broker = is.broker;
    this.trust = is.trust;
    this.#plan = join(is.root, "faults.json");
    this.inject({});
  }

  /** @param stateFolder where its state is; a temporary folder by default */
  static async create(stateFolder?: string): Promise<FaultyDevice> {
    const root = mkdtempSync(join(tmpdir(), "sartor-faulty-"));
    const broker = new TestBroker();
    await broker.start();
    const trust = new TestTrust(DEVICE_ID, Date.now());
    const server = await startBundleServer([...BUNDLES.values()], trust);
    const folder = stateFolder ?? join(root, "state");
    mkdirSync(folder, { recursive: true });
    new IdentityStore(join(folder, "identity")).write(
      "current",
      identityAt({ mqttUrl: broker.url, httpUrl: server.url }),
    );
    return new FaultyDevice({ root, folder, port: await freePort(), server, broker, trust });
  }

  get isRunning(): boolean {
    const child = this.#process;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  note(what: string): void {
    this.events.push(`${new Date().toISOString()} ${what}`);
    if (this.events.length > 400) this.events.shift();
  }

  /** What happens to it from now on, also in a process that is started later. */
  inject(fault: InjectedFault): void {
    writeFileSync(this.#plan, JSON.stringify(fault));
    if (Object.keys(fault).length > 0) this.note(`faults: ${JSON.stringify(fault)}`);
  }

  start(): void {
    const log = createWriteStream(this.logFile, { flags: "a" });
    const child = spawn(process.execPath, [...FLAGS, "--import", PRELOAD, AGENT], {
      env: {
        PATH: process.env.PATH,
        MALLOC_ARENA_MAX: "2",
        UV_THREADPOOL_SIZE: "2",
        // Without it half of a start is compiling the same code again.
        NODE_COMPILE_CACHE: join(this.#root, "compiled"),
        SARTOR_AGENT_STATE_DIR: this.folder,
        SARTOR_INFERENCE_PORT: String(this.#port),
        SARTOR_LOG_LEVEL: "debug",
        SARTOR_FAULTS: this.#plan,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.starts += 1;
    this.note("started");
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    this.#process = child;
    this.#gone = new Promise((resolve) =>
      child.once("close", (code, signal) => {
        this.note(`ended: ${signal ?? code}`);
        log.end(resolve);
      }),
    );
  }

  /** Resolves when the process has ended, or after that time; says whether it did. */
  async ended(withinMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), withinMs);
    });
    const isGone = await Promise.race([this.#gone.then(() => true), late]);
    clearTimeout(timer);
    return isGone;
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.isRunning) this.#process?.kill(signal);
    await this.#gone;
  }

  get logFile(): string {
    return join(this.#root, "agent.log");
  }

  /** Lines that the preload wrote since this was asked last. */
  faultsSeen(): string[] {
    let log = "";
    try {
      log = readFileSync(this.logFile, "utf8");
    } catch {
      return [];
    }
    const fresh = log.slice(this.#mark);
    this.#mark = log.length;
    return fresh.split("\n").filter((line) => line.startsWith("fault:"));
  }

  /** Signs the release of a bundle and an order for it, and hints at it. */
  async orderNext(bundle: TinyBundle): Promise<Order> {
    const generation = this.order.generation + 1;
    const releaseCounter = this.order.releaseCounter + 1;
    const desired = desiredOf(generation, bundle);
    this.trust.setTime(Date.now());
    this.trust.release(releaseOf(bundle), releaseCounter);
    this.trust.order(desired);
    this.order = { generation, releaseCounter, bundle, deploymentId: desired.deployment?.deploymentId ?? "" };
    this.note(`ordered ${bundle.manifest.version} as generation ${generation}`);
    await this.broker.publishNudge(DEVICE_ID, generation);
    return this.order;
  }

  reported(): ReportedState | undefined {
    return this.broker.of("reported").at(-1) as ReportedState | undefined;
  }

  /** The newest report, once the deployment that was ordered last has ended by it. */
  settledReport(): ReportedState | undefined {
    const now = this.reported();
    const { generation, deploymentId } = this.order;
    const isSettled =
      now?.generation === generation &&
      now.deployment?.deploymentId === deploymentId &&
      TERMINAL_DEPLOYMENT_STATUSES.includes(now.deployment.status) &&
      now.serving.state === "ready";
    return isSettled ? now : undefined;
  }

  /** Waits for that; a process that ends is started again. */
  async settled(withinMs = 90_000): Promise<ReportedState> {
    return waitFor(
      "the deployment to end",
      async () => {
        if (!this.isRunning) {
          await this.#gone;
          this.start();
        }
        return this.settledReport();
      },
      withinMs,
      25,
    );
  }

  /**
   * Asks the endpoint with the first golden vector of a bundle; undefined while nothing answers.
   *
   * @returns which version answered, and how far its answer is from that golden vector at most
   */
  async ask({ files, manifest }: TinyBundle): Promise<{ version: string; error: number } | undefined> {
    const golden = readGoldenVectors(files.get("golden.safetensors") ?? new Uint8Array(), manifest.modelManifest);
    const [input, output] = [golden.inputs[0], golden.outputs[0]];
    if (input === undefined || output === undefined) throw new Error("a bundle without golden vectors");
    const data = Array.from(toNumbers(input)).slice(0, 3 * SIDE * SIDE);
    const wanted = Array.from(toNumbers(output)).slice(0, CLASSES);
    const reply = await fetch(`http://127.0.0.1:${this.#port}/v2/models/tiny/infer`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ inputs: [{ name: "image", datatype: "FP32", shape: [1, 3, SIDE, SIDE], data }] }),
    }).catch(() => undefined);
    if (reply?.ok !== true) return undefined;
    const body = (await reply.json()) as { model_version: string; outputs: { data: number[] }[] };
    const given = body.outputs[0]?.data ?? [];
    return {
      version: body.model_version,
      error: Math.max(...wanted.map((value, at) => Math.abs(value - (given[at] ?? 1e9)))),
    };
  }

  async stop(): Promise<void> {
    await this.kill();
    await this.broker.stop();
    await this.server.stop();
    rmSync(this.#root, { recursive: true, force: true });
  }
}
