import {
  type BundleManifest,
  bundleManifestSchema,
  type DesiredDeployment,
  type DesiredState,
  type ReportedState,
  topicOf,
  type UplinkKind,
} from "@sartor/shared/protocol";
import type { MqttClient } from "mqtt";
import type { RunningControlPlane } from "../support/control-plane.js";
import { callAsDevice, connectDevice, type EnrolledDevice, enrol, type NewDevice } from "../support/enrolled-device.js";
import { reported } from "../support/messages.js";
import { followOrders } from "../support/orders.js";
import { digestOf } from "../support/registering.js";
import { waitFor } from "../support/wait-for.js";

/** A device that does over real MQTT and HTTP what a test tells it to. */
export class ScriptedDevice {
  /** What it was told since it is connected, in rising generations. */
  readonly desired: DesiredState[] = [];
  #sequence = 0;
  #session: MqttClient | undefined;

  private constructor(
    private readonly controlPlane: RunningControlPlane,
    readonly identity: EnrolledDevice,
  ) {}

  static async enrol(
    controlPlane: RunningControlPlane,
    name = "scripted",
    more: Pick<NewDevice, "hardware"> = {},
  ): Promise<ScriptedDevice> {
    return new ScriptedDevice(controlPlane, await enrol(controlPlane, name, more));
  }

  /** The same device, which now meets another control plane (the old one, restarted). */
  at(controlPlane: RunningControlPlane): ScriptedDevice {
    const device = new ScriptedDevice(controlPlane, {
      ...this.identity,
      mqttUrl: controlPlane.mqttUrl,
      httpUrl: controlPlane.deviceUrl,
    });
    device.#sequence = this.#sequence;
    return device;
  }

  get id(): string {
    return this.identity.deviceId;
  }

  async connect(): Promise<void> {
    this.#session = await connectDevice(this.identity);
    await followOrders(this.#session, this.identity, (desired) => this.desired.push(desired));
  }

  async disconnect(): Promise<void> {
    await this.#session?.endAsync();
    this.#session = undefined;
  }

  publish(kind: UplinkKind, message: unknown): Promise<unknown> {
    if (this.#session === undefined) throw new Error("not connected");
    return this.#session.publishAsync(topicOf(this.id, kind), JSON.stringify(message), { qos: 1 });
  }

  /** Waits until the newest desired state fits. */
  async wants(what: string, fits: (desired: DesiredState) => boolean): Promise<DesiredState> {
    return waitFor(`the desired state with ${what}`, () => {
      const newest = this.desired.at(-1);
      return newest !== undefined && fits(newest) && newest;
    });
  }

  /** Waits for a deployment, of a rollout if given. */
  async told(rolloutId?: string): Promise<DesiredDeployment> {
    const { deployment } = await this.wants(
      "a deployment",
      (desired) =>
        desired.deployment !== null && (rolloutId ?? desired.deployment.rolloutId) === desired.deployment.rolloutId,
    );
    if (deployment === null) throw new Error("unreachable");
    return deployment;
  }

  /** Reports on a deployment; a success comes with its proof unless `changes` take it away. */
  async report(
    deployment: DesiredDeployment,
    said: Partial<NonNullable<ReportedState["deployment"]>>,
    changes: Partial<ReportedState> = {},
  ): Promise<ReportedState> {
    const { bundleId, model, version } = deployment.bundle;
    const serves = said.status === "succeeded";
    const message: ReportedState = {
      ...reported(this.id, ++this.#sequence),
      generation: this.desired.at(-1)?.generation ?? 0,
      deployment: {
        deploymentId: deployment.deploymentId,
        bundleId,
        status: "in_progress",
        step: "downloading",
        attempt: 1,
        ...said,
      },
      ...(serves
        ? {
            slots: { active: { slot: "a", bundleId, model, version, variant: "fp32", installedAt: 1 }, inactive: null },
            serving: { state: "ready", bundleId, model, version, variant: "fp32" },
          }
        : {}),
      ...changes,
    };
    await this.publish("reported", message);
    return message;
  }

  /** A request as an agent makes it. */
  get(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> {
    return callAsDevice(this.controlPlane, this.identity.credential, path, { method, headers });
  }

  /** Downloads a bundle the way an agent on a bad line does: every chunk in two ranges; everything is checked against its digest. */
  async download(bundleId: string): Promise<{ manifest: BundleManifest; files: Map<string, Uint8Array> }> {
    const bytes = new Uint8Array(await (await this.get(`/api/v1/bundles/${bundleId}/manifest`)).arrayBuffer());
    if (digestOf(bytes) !== bundleId) throw new Error("the manifest is not the bundle's");
    const manifest = bundleManifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
    const files = new Map<string, Uint8Array>();
    for (const file of manifest.files) {
      const parts: Uint8Array[] = [];
      for (const chunk of file.chunks) parts.push(await this.chunk(chunk.digest, chunk.bytes));
      const content = Buffer.concat(parts);
      if (digestOf(content) !== file.digest) throw new Error(`${file.name} is damaged`);
      files.set(file.name, content);
    }
    return { manifest, files };
  }

  private async chunk(digest: string, bytes: number): Promise<Uint8Array> {
    const half = Math.floor(bytes / 2);
    const parts: ArrayBuffer[] = [];
    for (const range of [`bytes=0-${half - 1}`, `bytes=${half}-`]) {
      const reply = await this.get(`/api/v1/chunks/${digest}`, { range, "if-range": `"${digest}"` });
      if (reply.status !== 206) throw new Error(`a range answered ${reply.status}`);
      parts.push(await reply.arrayBuffer());
    }
    const content = Buffer.concat(parts.map((part) => new Uint8Array(part)));
    if (digestOf(content) !== digest) throw new Error(`chunk ${digest} is damaged`);
    return content;
  }
}
