import { PROTOCOL_VERSION } from "./version.js";

const PREFIX = `sartor/v${PROTOCOL_VERSION}`;

/** What a device publishes. */
export const UPLINK_KINDS = ["inventory", "reported", "telemetry", "events", "tuning"] as const;
export type UplinkKind = (typeof UPLINK_KINDS)[number];

/** What a device subscribes to: hints only. What it shall do, it reads from its signed orders over HTTPS. */
export const DOWNLINK_KINDS = ["nudge"] as const;
export type DownlinkKind = (typeof DOWNLINK_KINDS)[number];

/** The topic of one device and kind: `sartor/v1/<deviceId>/<kind>`. */
export function topicOf(deviceId: string, kind: UplinkKind | DownlinkKind): string {
  return `${PREFIX}/${deviceId}/${kind}`;
}

/** The filter that matches all devices' messages of one kind. */
export function uplinkFilter(kind: UplinkKind): string {
  return `${PREFIX}/+/${kind}`;
}

/** A topic taken apart. */
export interface ParsedTopic {
  readonly deviceId: string;
  readonly kind: UplinkKind | DownlinkKind;
}

/** Takes a topic apart; `undefined` for any topic that is not one of Sartor's. */
export function parseTopic(topic: string): ParsedTopic | undefined {
  const [root, version, deviceId, kind, ...rest] = topic.split("/");
  if (`${root}/${version}` !== PREFIX || rest.length > 0 || !deviceId || !kind) return undefined;
  const known: readonly string[] = [...UPLINK_KINDS, ...DOWNLINK_KINDS];
  if (!known.includes(kind)) return undefined;
  return { deviceId, kind: kind as ParsedTopic["kind"] };
}

/** Tells whether a device may publish to a topic: its own uplink topics only. */
export function mayPublish(deviceId: string, topic: string): boolean {
  const parsed = parseTopic(topic);
  return parsed?.deviceId === deviceId && (UPLINK_KINDS as readonly string[]).includes(parsed.kind);
}

/** Tells whether a device may subscribe to a filter: exactly its own downlink topics, no wildcards. */
export function maySubscribe(deviceId: string, filter: string): boolean {
  const parsed = parseTopic(filter);
  return parsed?.deviceId === deviceId && (DOWNLINK_KINDS as readonly string[]).includes(parsed.kind);
}
