import { DdSketch } from "@sartor/shared/domain/sketch";
import {
  type DesiredState,
  type Inventory,
  type LogEvent,
  type ReportedDeployment,
  type ReportedState,
  topicOf,
  type UplinkKind,
} from "@sartor/shared/protocol";
import type { MqttClient } from "mqtt";
import type { RunningControlPlane } from "../support/control-plane.js";
import { connectDevice, enrol } from "../support/enrolled-device.js";
import { inventory, presence, reported, telemetryWindow } from "../support/messages.js";
import { followOrders } from "../support/orders.js";

/** What a window of telemetry shall say. */
export interface WindowContent {
  readonly requests: number;
  /** Latency of every request, ms. */
  readonly latencyMs: number;
  readonly classCounts: Readonly<Record<string, number>>;
}

/** A device that says what a test tells it to, in real protocol messages over the real broker. */
export class ScriptedDevice {
  #sequence = 0;
  #windows = 0;
  #desired: DesiredState | undefined;

  private constructor(
    readonly deviceId: string,
    private readonly client: MqttClient,
  ) {}

  /** Enrols a device and connects it. */
  static async enrol(controlPlane: RunningControlPlane, name: string, emulated: boolean): Promise<ScriptedDevice> {
    const identity = await enrol(controlPlane, name, { emulated });
    const { deviceId } = identity;
    const client = await connectDevice(identity);
    const device = new ScriptedDevice(deviceId, client);
    await followOrders(client, identity, (desired) => {
      device.#desired = desired;
    });
    await device.#publish("events", presence(deviceId, `${deviceId}-session`));
    return device;
  }

  /** The newest desired state that arrived. */
  get desired(): DesiredState | undefined {
    return this.#desired;
  }

  async sendInventory(changes: Partial<Inventory> & { readonly boardModel: string }): Promise<void> {
    const { boardModel, ...rest } = changes;
    await this.#publish("inventory", { ...inventory(boardModel), ...rest });
  }

  async report(changes: Partial<ReportedState>): Promise<void> {
    this.#sequence += 1;
    const generation = this.#desired?.generation ?? 0;
    await this.#publish("reported", { ...reported(this.deviceId, this.#sequence), generation, ...changes });
  }

  /** Reports on the deployment that is desired now. */
  async reportDeployment(
    changes: Pick<ReportedDeployment, "status" | "step"> & Partial<ReportedDeployment>,
  ): Promise<void> {
    const wanted = this.#desired?.deployment;
    if (wanted === undefined || wanted === null) throw new Error("no deployment is desired");
    const { deploymentId, bundle } = wanted;
    await this.report({ deployment: { deploymentId, bundleId: bundle.bundleId, attempt: 1, ...changes } });
  }

  /** Sends one window of 10 s that ends now. */
  async sendWindow(content: WindowContent): Promise<void> {
    const latency = new DdSketch();
    const confidence = new DdSketch();
    for (let index = 0; index < content.requests; index += 1) {
      latency.add(content.latencyMs);
      confidence.add(0.98);
    }
    const endedAt = Date.now();
    this.#windows += 1;
    await this.#publish("telemetry", {
      ...telemetryWindow(this.deviceId, this.#windows),
      startedAt: endedAt - 10_000,
      endedAt,
      inference: {
        count: content.requests,
        errors: {},
        latencyMs: latency.toMessage(),
        topProbability: confidence.toMessage(),
        classCounts: content.classCounts,
      },
      system: { temperatureCelsius: 51.5, agentMemoryBytes: 100 * 2 ** 20 },
    });
  }

  /** Tells operators of something. */
  async tell(sequence: number, level: LogEvent["level"], message: string, code?: string): Promise<void> {
    await this.#publish("events", {
      schemaVersion: 1,
      deviceId: this.deviceId,
      at: Date.now(),
      type: "log",
      sequence,
      level,
      message,
      ...(code === undefined ? {} : { code }),
    } satisfies LogEvent);
  }

  async disconnect(): Promise<void> {
    await this.client.endAsync(true);
  }

  async #publish(kind: UplinkKind, message: unknown): Promise<void> {
    await this.client.publishAsync(topicOf(this.deviceId, kind), JSON.stringify(message), { qos: 1 });
  }
}
