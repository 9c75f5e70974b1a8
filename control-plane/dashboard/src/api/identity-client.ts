import type {
  DeviceCertificatesReply,
  DeviceRevocationReply,
  EnrolmentKeyReply,
  EnrolmentKeyRequest,
  EnrolmentTokenReply,
  EnrolmentTokenRequest,
  PendingEnrolmentsReply,
} from "@sartor/shared/protocol";
import type { Transport } from "./transport.js";

/** A device that asked without a token and waits for a person. */
export type WaitingDevice = PendingEnrolmentsReply["items"][number];

/** Tokens and keys that let devices in, and their certificates. Every method throws an `ApiError`. */
export class IdentityClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Makes a token; it is shown this once. */
  createToken(request: EnrolmentTokenRequest, signal: AbortSignal): Promise<EnrolmentTokenReply> {
    return this.#transport.request("POST", "/api/v1/enrolment-tokens", signal, request);
  }

  async waiting(signal: AbortSignal): Promise<readonly WaitingDevice[]> {
    const path = "/api/v1/enrolments/pending";
    return (await this.#transport.request<PendingEnrolmentsReply>("GET", path, signal)).items;
  }

  /** Lets the device with a key enrol, whether it waits already or not. */
  allowKey(request: EnrolmentKeyRequest, signal: AbortSignal): Promise<EnrolmentKeyReply> {
    return this.#transport.request("POST", "/api/v1/enrolments/keys", signal, request);
  }

  /** The newest first. */
  certificates(deviceId: string, signal: AbortSignal): Promise<DeviceCertificatesReply> {
    return this.#transport.request("GET", `/api/v1/devices/${encodeURIComponent(deviceId)}/certificates`, signal);
  }

  /** Ends all certificates of a device and its connections. */
  revoke(deviceId: string, signal: AbortSignal): Promise<DeviceRevocationReply> {
    return this.#transport.request("POST", `/api/v1/devices/${encodeURIComponent(deviceId)}/revoke`, signal, {});
  }
}
