import { type CodeTable, entry } from "./entry.js";

/** What the two sides say to each other. */
export const PROTOCOL_CODES = {
  SRT_MESSAGE_INVALID: entry(
    400,
    "A message does not fit its schema; it was counted and dropped.",
    "Update the agent or the control plane so that both speak the same protocol version.",
  ),
  SRT_PROTOCOL_UNSUPPORTED: entry(
    400,
    "The peer speaks a protocol version that this side does not.",
    "Update the older side.",
  ),
  SRT_PACKET_TOO_LARGE: entry(
    413,
    "An MQTT packet is larger than the broker accepts.",
    "Send files over HTTP, not MQTT.",
  ),
  SRT_BROKER_UNREACHABLE: entry(
    503,
    "The MQTT broker cannot be reached, refused for now or stopped answering.",
    "The agent tries again by itself and keeps its messages; check the network and the broker.",
  ),
} as const satisfies CodeTable;
