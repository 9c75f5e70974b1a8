import { SartorError } from "@sartor/shared/errors";
import {
  type DeviceEvent,
  deviceEventSchema,
  type Inventory,
  inventorySchema,
  LIMITS,
  type ParseResult,
  parseMessage,
  type ReportedState,
  reportedSchema,
  type TelemetryWindow,
  type TuningReport,
  telemetryWindowSchema,
  tuningReportSchema,
  type UplinkKind,
} from "@sartor/shared/protocol";

/** A valid message of a device. */
export type UplinkMessage =
  | { readonly kind: "inventory"; readonly message: Inventory }
  | { readonly kind: "reported"; readonly message: ReportedState }
  | { readonly kind: "telemetry"; readonly message: TelemetryWindow }
  | { readonly kind: "events"; readonly message: DeviceEvent }
  | { readonly kind: "tuning"; readonly message: TuningReport };

/** Reads a message by its kind. One that names another device than its topic does not fit either. */
export function parseUplink(deviceId: string, kind: UplinkKind, payload: Uint8Array): ParseResult<UplinkMessage> {
  const result = parseByKind(kind, payload);
  if (!result.ok) return result;
  const { message } = result.value;
  if ("deviceId" in message && message.deviceId !== deviceId) {
    const text = "The message names another device than its topic.";
    return { ok: false, error: new SartorError("SRT_MESSAGE_INVALID", text) };
  }
  return result;
}

function parseByKind(kind: UplinkKind, payload: Uint8Array): ParseResult<UplinkMessage> {
  switch (kind) {
    case "inventory":
      return tagged(kind, parseMessage<Inventory>(inventorySchema, payload, LIMITS.mqttPacketBytes));
    case "reported":
      return tagged(kind, parseMessage<ReportedState>(reportedSchema, payload, LIMITS.mqttPacketBytes));
    case "telemetry":
      return tagged(kind, parseMessage<TelemetryWindow>(telemetryWindowSchema, payload, LIMITS.mqttPacketBytes));
    case "events":
      return tagged(kind, parseMessage<DeviceEvent>(deviceEventSchema, payload, LIMITS.mqttPacketBytes));
    case "tuning":
      return tagged(kind, parseMessage<TuningReport>(tuningReportSchema, payload, LIMITS.mqttPacketBytes));
  }
}

function tagged<K extends UplinkKind, T>(kind: K, result: ParseResult<T>): ParseResult<{ kind: K; message: T }> {
  return result.ok ? { ok: true, value: { kind, message: result.value } } : result;
}
