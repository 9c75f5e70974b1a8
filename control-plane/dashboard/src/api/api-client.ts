import type {
  DeviceDeploymentView,
  DeviceDetail,
  DeviceEventsReply,
  DeviceSummary,
  ModelVersionView,
  Page,
  RolloutDetail,
  RolloutSummary,
  SystemView,
  TelemetryReply,
} from "@sartor/shared/protocol";
import { joinTelemetry } from "../telemetry/index.js";
import { type ApiError, errorOfFailure, errorOfReply } from "./api-error.js";

/** What the client needs of its surroundings. */
export interface ApiClientOptions {
  readonly token: string;
  readonly fetch: typeof fetch;
  /** Called when the server does not accept the token. */
  readonly onUnauthenticated: () => void;
}

const REQUEST_TIMEOUT_MS = 20_000;
/** Largest pages that the server gives. */
const PAGE_SIZE = 200;
const DEVICE_PAGE_SIZE = 500;
const DEPLOYMENT_PAGE_SIZE = 1_000;
const TELEMETRY_PAGE_SIZE = 5_000;
/** Most pages of telemetry: a day of windows of 4.4 s. */
const MAXIMUM_TELEMETRY_PAGES = 4;
/** Most pages of one list that are read: 100,000 devices. */
const MAXIMUM_PAGES = 200;

/** Reads the control plane's REST interface. Every method throws an {@link ApiError}. */
export class ApiClient {
  readonly #options: ApiClientOptions;

  constructor(options: ApiClientOptions) {
    this.#options = options;
  }

  system(signal: AbortSignal): Promise<SystemView> {
    return this.#request("GET", "/api/v1/system", signal);
  }

  /** All devices, page after page. */
  devices(signal: AbortSignal): AsyncGenerator<DeviceSummary[]> {
    return this.#pages("/api/v1/devices", signal, DEVICE_PAGE_SIZE);
  }

  device(deviceId: string, signal: AbortSignal): Promise<DeviceDetail> {
    return this.#request("GET", `/api/v1/devices/${encodeURIComponent(deviceId)}`, signal);
  }

  /** The newest things that a device told, newest first. */
  deviceEvents(deviceId: string, limit: number, signal: AbortSignal): Promise<DeviceEventsReply> {
    return this.#request("GET", `/api/v1/devices/${encodeURIComponent(deviceId)}/events?limit=${limit}`, signal);
  }

  /** Telemetry between two moments, ms since 1970. The server gives the newest windows first, so it is read backwards. */
  async telemetry(deviceId: string, from: number, to: number, signal: AbortSignal): Promise<TelemetryReply> {
    const path = `/api/v1/devices/${encodeURIComponent(deviceId)}/telemetry`;
    const read = (end: number): Promise<TelemetryReply> => {
      const query = new URLSearchParams({ from: String(from), to: String(end), limit: String(TELEMETRY_PAGE_SIZE) });
      return this.#request("GET", `${path}?${query}`, signal);
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
    return this.#all("/api/v1/rollouts", signal);
  }

  /** A rollout with all its deployments: the detail holds the first of them, the rest is read page after page. */
  async rollout(rolloutId: string, signal: AbortSignal): Promise<RolloutDetail> {
    const path = `/api/v1/rollouts/${encodeURIComponent(rolloutId)}`;
    const rollout: RolloutDetail = await this.#request("GET", path, signal);
    if (rollout.deployments.length < DEPLOYMENT_PAGE_SIZE) return rollout;
    const deployments = [...rollout.deployments];
    const after = deployments.at(-1)?.deviceId ?? null;
    const rest = this.#pages<DeviceDeploymentView>(`${path}/deployments`, signal, DEPLOYMENT_PAGE_SIZE, after);
    for await (const page of rest) deployments.push(...page);
    return { ...rollout, deployments };
  }

  cancelRollout(rolloutId: string, signal: AbortSignal): Promise<RolloutSummary> {
    return this.#request("POST", `/api/v1/rollouts/${encodeURIComponent(rolloutId)}/cancel`, signal);
  }

  async models(signal: AbortSignal): Promise<ModelVersionView[]> {
    return this.#all("/api/v1/models", signal);
  }

  modelVersion(model: string, version: string, signal: AbortSignal): Promise<ModelVersionView> {
    const path = `/api/v1/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}`;
    return this.#request("GET", path, signal);
  }

  async #all<T>(path: string, signal: AbortSignal): Promise<T[]> {
    const items: T[] = [];
    for await (const page of this.#pages<T>(path, signal)) items.push(...page);
    return items;
  }

  async *#pages<T>(
    path: string,
    signal: AbortSignal,
    limit = PAGE_SIZE,
    after: string | null = null,
  ): AsyncGenerator<T[]> {
    let cursor = after;
    for (let count = 0; count < MAXIMUM_PAGES; count += 1) {
      const query = new URLSearchParams({ limit: String(limit), ...(cursor === null ? {} : { cursor }) });
      const page: Page<T> = await this.#request("GET", `${path}?${query}`, signal);
      yield page.items;
      cursor = page.nextCursor;
      if (cursor === null) return;
    }
  }

  async #request<T>(method: "GET" | "POST", path: string, signal: AbortSignal): Promise<T> {
    const headers = { authorization: `Bearer ${this.#options.token}`, accept: "application/json" };
    let response: Response;
    let body: unknown;
    try {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
      response = await this.#options.fetch(path, { method, headers, signal: limited, cache: "no-store" });
      const text = await response.text();
      body = parseJson(text);
    } catch (failure) {
      // An abort by the page itself is not an error to show: whoever aborted ignores it.
      if (signal.aborted) throw failure;
      throw errorOfFailure(failure);
    }
    if (response.status === 401) this.#options.onUnauthenticated();
    if (!response.ok || body === undefined) throw errorOfReply(response.status, body) satisfies ApiError;
    return body as T;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the caller turns it into an error that names the HTTP status.
    return undefined;
  }
}
