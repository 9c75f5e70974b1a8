import { randomBytes } from "node:crypto";
import type { EnrolmentReply, EnrolmentTokenReply } from "@sartor/shared/protocol";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import type { RunningControlPlane } from "./control-plane.js";

/** A device's identity, as an agent would keep it. */
export interface EnrolledDevice extends EnrolmentReply {
  readonly secret: string;
}

/** What a REST call answered. */
export interface RestReply<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** Calls the REST interface as the operator, or with another `authorization` (`null` for none). */
export async function rest<T = unknown>(
  controlPlane: RunningControlPlane,
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

/** 32 random bytes, as an agent makes its secret. */
export function makeSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** Asks for a token as the operator. */
export async function makeToken(controlPlane: RunningControlPlane, lifetimeSeconds = 600): Promise<string> {
  const { body } = await rest<EnrolmentTokenReply>(controlPlane, "POST", "/api/v1/enrolment-tokens", {
    lifetimeSeconds,
  });
  return body.token;
}

/** Enrols a device the way an agent does. */
export async function enrol(controlPlane: RunningControlPlane, name = "test device"): Promise<EnrolledDevice> {
  const secret = makeSecret();
  const request = { schemaVersion: 1, token: await makeToken(controlPlane), secret, name, emulated: false };
  const { status, body } = await rest<EnrolmentReply>(controlPlane, "POST", "/api/v1/enrolments", request, null);
  if (status !== 200) throw new Error(`enrolment answered ${status}: ${JSON.stringify(body)}`);
  return { ...body, secret };
}

/** Options of a device's MQTT session; it does not reconnect by itself. */
export function mqttOptions(device: EnrolledDevice, options: IClientOptions = {}): IClientOptions {
  return {
    clientId: device.deviceId,
    username: device.deviceId,
    password: device.secret,
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
