import { z } from "zod";
import {
  countSchema,
  deviceIdSchema,
  lineSchema,
  longTextSchema,
  shortTextSchema,
  timestampSchema,
} from "./primitives.js";
import { PROTOCOL_VERSION } from "./version.js";

const base = {
  schemaVersion: z.literal(PROTOCOL_VERSION),
  deviceId: deviceIdSchema,
  at: timestampSchema,
};

/**
 * A device came or went. `offline` with reason `connection_lost` is the MQTT last will; it carries the session's id, so
 * that a will that arrives after the next connect is recognised as stale.
 */
export const presenceEventSchema = z.object({
  ...base,
  type: z.literal("presence"),
  status: z.enum(["online", "offline"]),
  reason: z.enum(["connected", "shutdown", "connection_lost"]),
  sessionId: lineSchema(64),
});

/** Something happened on the device that an operator may want to read. */
export const logEventSchema = z.object({
  ...base,
  type: z.literal("log"),
  sequence: countSchema,
  level: z.enum(["info", "warning", "error"]),
  code: shortTextSchema.optional(),
  message: longTextSchema,
});

export const deviceEventSchema = z
  .discriminatedUnion("type", [presenceEventSchema, logEventSchema])
  .meta({ id: "DeviceEvent" });
export type PresenceEvent = z.infer<typeof presenceEventSchema>;
export type LogEvent = z.infer<typeof logEventSchema>;
export type DeviceEvent = z.infer<typeof deviceEventSchema>;
