import { type Agent, request } from "node:https";
import { makeCertificateRequest, makeDeviceKey } from "@sartor/agent/identity/testing";
import { postJson, type TlsCredential, TlsIdentity } from "@sartor/agent/platform";
import type { EnrolmentReply, EnrolmentTokenReply } from "@sartor/shared/protocol";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import type { RunningControlPlane } from "./control-plane.js";

/** A device's identity, as an agent would keep it. */
export interface EnrolledDevice extends EnrolmentReply {
  /** The private key, PEM. */
  readonly key: string;
  /** Certificate and key, and whom the device trusts. */
  readonly credential: TlsCredential;
}

/** What a REST call answered. */
export interface RestReply<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** Calls the operators' REST interface, or with another `authorization` (`null` for none). */
export async function rest<T = unknown>(
  controlPlane: Pick<RunningControlPlane, "httpUrl" | "operatorToken">,
  method: string,
  path: string,
  body?: unknown,
  authorization: string | null = `Bearer ${controlPlane.operatorToken}`,
): Promise<RestReply<T>> {
  const reply = await fetch(`${controlPlane.httpUrl}${path}`, {
    method,
    headers: {
      ...(authorization === null ? {} : { authorization }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  return { status: reply.status, headers: reply.headers, body: (text === "" ? undefined : JSON.parse(text)) as T };
}

export interface DeviceCall {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  /** Keeps the connection for further calls; each call has its own by default. */
  readonly agent?: Agent;
}

/** Calls the devices' HTTPS with a credential: a device's, another authority's, or only a root for somebody anonymous. */
export function callAsDevice(
  controlPlane: Pick<RunningControlPlane, "deviceUrl">,
  credential: TlsCredential,
  path: string,
  { method = "GET", headers = {}, json, agent }: DeviceCall = {},
): Promise<Response> {
  const payload = json === undefined ? undefined : JSON.stringify(json);
  return new Promise((resolve, reject) => {
    const sent = request(`${controlPlane.deviceUrl}${path}`, {
      ...new TlsIdentity(credential).options(),
      agent: agent ?? false,
      method,
      headers: { ...headers, ...(payload === undefined ? {} : { "content-type": "application/json" }) },
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("error", reject);
      response.on("end", () => {
        const bytes = Buffer.concat(pieces);
        const named = Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]);
        // fetch allows no body, not even an empty one, where HTTP has none.
        const body = bytes.byteLength === 0 ? null : bytes;
        resolve(new Response(body, { status: response.statusCode ?? 0, headers: named }));
      });
    });
    sent.end(payload);
  });
}

/** The control plane's root, PEM, by the operators' port. */
export async function rootOf(controlPlane: RunningControlPlane): Promise<string> {
  return (await fetch(`${controlPlane.httpUrl}/api/v1/certificates/authority`)).text();
}

/** Asks for a token as the operator. */
export async function makeToken(
  controlPlane: RunningControlPlane,
  lifetimeSeconds = 600,
  scope: object = {},
): Promise<string> {
  const { status, body } = await rest<EnrolmentTokenReply>(controlPlane, "POST", "/api/v1/enrolment-tokens", {
    lifetimeSeconds,
    ...scope,
  });
  if (body?.token === undefined) throw new Error(`no token: ${status} ${JSON.stringify(body)}`);
  return body.token;
}

/** What a device is that redeems a token. */
export interface NewDevice {
  readonly token: string;
  readonly key?: string;
  readonly name?: string;
  readonly emulated?: boolean;
  readonly hardware?: readonly string[];
}

/** Redeems a token the way an agent does, and gives back whatever is answered. */
export async function redeem(
  controlPlane: RunningControlPlane,
  { token, key = makeDeviceKey(), name = "test device", emulated = false, hardware = ["linux-x64"] }: NewDevice,
  // biome-ignore lint/suspicious/noExplicitAny: a reply, or an error.
): Promise<{ status: number; body: any; key: string; root: string }> {
  const root = await rootOf(controlPlane);
  const tls = new TlsIdentity({ ca: root });
  const request = { schemaVersion: 1, token, csr: await makeCertificateRequest(key), name, emulated, hardware };
  const url = new URL("/api/v1/enrolments", controlPlane.deviceUrl);
  const { status, json } = await postJson(url, request, tls, new AbortController().signal);
  tls.close();
  return { status, body: json, key, root };
}

/** Enrols a device the way an agent does. */
export async function enrol(
  controlPlane: RunningControlPlane,
  name = "test device",
  more: Omit<NewDevice, "token" | "name"> = {},
): Promise<EnrolledDevice> {
  const reply = await redeem(controlPlane, { token: await makeToken(controlPlane), name, ...more });
  if (reply.status !== 200) throw new Error(`enrolment answered ${reply.status}: ${JSON.stringify(reply.body)}`);
  const { certificate } = reply.body as EnrolmentReply;
  return { ...reply.body, key: reply.key, credential: { ca: reply.root, client: { certificate, key: reply.key } } };
}

/** Options of a device's MQTT session; it does not reconnect by itself. */
export function mqttOptions(
  device: Pick<EnrolledDevice, "deviceId" | "credential">,
  options: IClientOptions = {},
): IClientOptions {
  const { ca, client } = device.credential;
  return {
    clientId: device.deviceId,
    ca,
    ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
    reconnectPeriod: 0,
    connectTimeout: 5_000,
    protocolVersion: 4,
    ...options,
  };
}

/** Opens a device's MQTT session. */
export function connectDevice(device: EnrolledDevice, options: IClientOptions = {}): Promise<MqttClient> {
  return mqtt.connectAsync(device.mqttUrl, mqttOptions(device, options), false);
}
