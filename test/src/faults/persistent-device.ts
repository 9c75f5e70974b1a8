import { setTimeout as sleep } from "node:timers/promises";
import { type DesiredState, type ReportedState, topicOf } from "@sartor/shared/protocol";
import type { MqttClient } from "mqtt";
import { connectDevice, type EnrolledDevice } from "../support/enrolled-device.js";
import { reported } from "../support/messages.js";
import { followOrders } from "../support/orders.js";

const RECONNECT_MS = 150;

/**
 * A device that does what it is told at once, over real MQTT and HTTPS, and comes back whenever it lost its session, as an agent does: after
 * each connect it reports where it stands. It remembers what it was told.
 */
export class PersistentDevice {
  /** Deployments that it was told of, in order, each once. */
  readonly told: { readonly deploymentId: string; readonly rolloutId: string; readonly generation: number }[] = [];
  #generation = 0;
  /** How often it was told something older than it knew. */
  fellBack = 0;
  readonly #identity: EnrolledDevice;
  readonly #end = new AbortController();
  #session: MqttClient | undefined;
  #report: ReportedState;
  #sequence = 0;
  #running: Promise<void> | undefined;

  constructor(identity: EnrolledDevice) {
    this.#identity = identity;
    this.#report = reported(identity.deviceId, 0);
  }

  get deviceId(): string {
    return this.#identity.deviceId;
  }

  get isConnected(): boolean {
    return this.#session?.connected === true;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#end.abort();
    this.#session?.end(true);
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      try {
        const session = await connectDevice(this.#identity, { connectTimeout: 2_000 });
        session.on("error", () => undefined);
        const closed = new Promise<void>((resolve) => session.once("close", () => resolve()));
        this.#session = session;
        await followOrders(session, this.#identity, (desired) => this.#follow(desired));
        this.#publish();
        await closed;
      } catch {
        // The control plane is away: that is what this device is for.
      }
      await sleep(RECONNECT_MS, undefined, { signal: this.#end.signal }).catch(() => undefined);
    }
  }

  #follow({ generation, deployment }: DesiredState): void {
    if (generation < this.#generation) this.fellBack += 1;
    this.#generation = Math.max(this.#generation, generation);
    this.#report = { ...this.#report, generation: this.#generation };
    if (deployment === null || this.told.at(-1)?.deploymentId === deployment.deploymentId) {
      this.#publish();
      return;
    }
    const { deploymentId, rolloutId, bundle } = deployment;
    this.told.push({ deploymentId, rolloutId, generation });
    const { bundleId, model, version } = bundle;
    const said = { deploymentId, bundleId, attempt: 1 };
    this.#report = { ...this.#report, deployment: { ...said, status: "in_progress", step: "downloading" } };
    this.#publish();
    this.#report = {
      ...this.#report,
      deployment: { ...said, status: "succeeded", step: "done" },
      slots: { active: { slot: "a", bundleId, model, version, variant: "fp32", installedAt: 1 }, inactive: null },
      serving: { state: "ready", bundleId, model, version, variant: "fp32" },
    };
    this.#publish();
  }

  #publish(): void {
    this.#sequence += 1;
    const message = { ...this.#report, at: Date.now(), sequence: this.#sequence };
    this.#session?.publish(topicOf(this.deviceId, "reported"), JSON.stringify(message), { qos: 1 }, () => undefined);
  }
}
