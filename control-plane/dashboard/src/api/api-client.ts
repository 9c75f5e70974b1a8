import type {
  DeviceChange,
  DeviceDeploymentView,
  DeviceDetail,
  DeviceEventsReply,
  DeviceSummary,
  ModelVersionView,
  RolloutDetail,
  RolloutRequest,
  RolloutSummary,
  SystemView,
  TelemetryReply,
} from "@sartor/shared/protocol";
import { joinTelemetry } from "../telemetry/index.js";
import { AuditClient } from "./audit-client.js";
import { IdentityClient } from "./identity-client.js";
import { PeopleClient } from "./people-client.js";
import { TailoringClient } from "./tailoring-client.js";
import { Transport, type TransportOptions } from "./transport.js";
import { TrustClient } from "./trust-client.js";

const DEVICE_PAGE_SIZE = 500;
const DEPLOYMENT_PAGE_SIZE = 1_000;
/** Ids that differ from a device's in its last character only. */
const NEIGHBOURS = 40;
const TELEMETRY_PAGE_SIZE = 5_000;
/** Most pages of telemetry: a day of windows of 4.4 s. */
const MAXIMUM_TELEMETRY_PAGES = 4;

/** The control plane's REST interface. Every method throws an {@link ApiError}. */
export class ApiClient {
  readonly #transport: Transport;
  /** Datasets, builds, cards, plans and tunings. */
  readonly tailoring: TailoringClient;
  /** What is signed, and what waits for signatures. */
  readonly trust: TrustClient;
  /** Who gets in as a device, and who does not any more. */
  readonly identity: IdentityClient;
  /** Users, API tokens, the operator token and the own password. */
  readonly people: PeopleClient;
  /** The log of who did what. */
  readonly audit: AuditClient;

  constructor(options: TransportOptions) {
    this.#transport = new Transport(options);
    this.tailoring = new TailoringClient(this.#transport);
    this.trust = new TrustClient(this.#transport);
    this.identity = new IdentityClient(this.#transport);
    this.people = new PeopleClient(this.#transport);
    this.audit = new AuditClient(this.#transport);
  }

  system(signal: AbortSignal): Promise<SystemView> {
    return this.#transport.request("GET", "/api/v1/system", signal);
  }

  /** All devices, page after page. */
  devices(signal: AbortSignal): AsyncGenerator<DeviceSummary[]> {
    return this.#transport.pages("/api/v1/devices", signal, DEVICE_PAGE_SIZE);
  }

  device(deviceId: string, signal: AbortSignal): Promise<DeviceDetail> {
    return this.#transport.request("GET", `/api/v1/devices/${encodeURIComponent(deviceId)}`, signal);
  }

  /** Changes a device's name, or moves it into another group. */
  changeDevice(deviceId: string, change: DeviceChange, signal: AbortSignal): Promise<DeviceDetail> {
    return this.#transport.request("PATCH", `/api/v1/devices/${encodeURIComponent(deviceId)}`, signal, change);
  }

  /** The newest things that a device told, newest first. */
  deviceEvents(deviceId: string, limit: number, signal: AbortSignal): Promise<DeviceEventsReply> {
    return this.#transport.request(
      "GET",
      `/api/v1/devices/${encodeURIComponent(deviceId)}/events?limit=${limit}`,
      signal,
    );
  }

  /** Telemetry between two moments, ms since 1970. The server gives the newest windows first, so it is read backwards. */
  async telemetry(deviceId: string, from: number, to: number, signal: AbortSignal): Promise<TelemetryReply> {
    const path = `/api/v1/devices/${encodeURIComponent(deviceId)}/telemetry`;
    const read = (end: number): Promise<TelemetryReply> => {
      const query = new URLSearchParams({ from: String(from), to: String(end), limit: String(TELEMETRY_PAGE_SIZE) });
      return this.#transport.request("GET", `${path}?${query}`, signal);
    };
    let page = await read(to);
    let all = page;
    for (let count = 1; count < MAXIMUM_TELEMETRY_PAGES; count += 1) {
      const oldest = page.points[0]?.at;
      if (oldest === undefined || page.points.length < TELEMETRY_PAGE_SIZE || oldest <= from) break;
      page = await read(oldest - 1);
      all = joinTelemetry(page, all);
    }
    return all;
  }

  /** All rollouts, newest first as the server orders them. */
  async rollouts(signal: AbortSignal): Promise<RolloutSummary[]> {
    return this.#transport.all("/api/v1/rollouts", signal);
  }

  /** A rollout with all its deployments: the detail holds the first of them, the rest is read page after page. */
  async rollout(rolloutId: string, signal: AbortSignal): Promise<RolloutDetail> {
    const path = `/api/v1/rollouts/${encodeURIComponent(rolloutId)}`;
    const rollout: RolloutDetail = await this.#transport.request("GET", path, signal);
    if (rollout.deployments.length < DEPLOYMENT_PAGE_SIZE) return rollout;
    const deployments = [...rollout.deployments];
    const after = deployments.at(-1)?.deviceId ?? null;
    const rest = this.#transport.pages<DeviceDeploymentView>(
      `${path}/deployments`,
      signal,
      DEPLOYMENT_PAGE_SIZE,
      after,
    );
    for await (const page of rest) deployments.push(...page);
    return { ...rollout, deployments };
  }

  /**
   * The deployment of one device; null when the rollout has none for it. The list goes by device id from behind a cursor, and an id
   * without its last character stands right before it.
   */
  async deploymentOf(rolloutId: string, deviceId: string, signal: AbortSignal): Promise<DeviceDeploymentView | null> {
    const path = `/api/v1/rollouts/${encodeURIComponent(rolloutId)}/deployments`;
    const near = this.#transport.pages<DeviceDeploymentView>(path, signal, NEIGHBOURS, deviceId.slice(0, -1));
    for await (const page of near) return page.find((deployment) => deployment.deviceId === deviceId) ?? null;
    return null;
  }

  cancelRollout(rolloutId: string, signal: AbortSignal): Promise<RolloutSummary> {
    return this.#transport.request("POST", `/api/v1/rollouts/${encodeURIComponent(rolloutId)}/cancel`, signal);
  }

  startRollout(request: RolloutRequest, signal: AbortSignal): Promise<RolloutSummary> {
    return this.#transport.request("POST", "/api/v1/rollouts", signal, request);
  }

  async models(signal: AbortSignal): Promise<ModelVersionView[]> {
    return this.#transport.all("/api/v1/models", signal);
  }

  modelVersion(model: string, version: string, signal: AbortSignal): Promise<ModelVersionView> {
    const path = `/api/v1/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}`;
    return this.#transport.request("GET", path, signal);
  }
}
