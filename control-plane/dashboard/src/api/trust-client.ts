import type { SigningRequestView, TrustStatus, VersionTrust } from "@sartor/shared/protocol";
import type { VersionKey } from "./tailoring-client.js";
import type { Transport } from "./transport.js";

/** What people signed. It is read only: the keys are not where this page runs. Every method throws an `ApiError`. */
export class TrustClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  status(signal: AbortSignal): Promise<TrustStatus> {
    return this.#transport.request("GET", "/api/v1/trust/status", signal);
  }

  /** What waits for signatures, newest first. */
  async openRequests(signal: AbortSignal): Promise<readonly SigningRequestView[]> {
    const path = "/api/v1/trust/requests";
    return (await this.#transport.request<{ items: SigningRequestView[] }>("GET", path, signal)).items;
  }

  /** What is signed of a version's bundles. */
  version({ model, version }: VersionKey, signal: AbortSignal): Promise<VersionTrust> {
    const path = `/api/v1/trust/releases/${encodeURIComponent(model)}/${encodeURIComponent(version)}`;
    return this.#transport.request("GET", path, signal);
  }
}
