import type { TelemetryPoint, TelemetryWindow } from "@sartor/shared/protocol";
import type { Received } from "../events/index.js";
import { encodeClassCounts } from "./class-counts.js";
import { encodePoint } from "./point-code.js";
import type { TelemetryPointTable, TelemetryWindowTable } from "./telemetry.tables.js";
import { toPoint } from "./telemetry-point.js";
import { encodeContent, type WindowContent } from "./window-content.js";

/** A window as its rows. */
export interface WindowRows {
  readonly window: TelemetryWindowTable;
  readonly point: TelemetryPointTable;
}

/** Makes the rows of a window: the sketches are reduced here, once. */
export function toRows(received: Received<TelemetryWindow>): WindowRows & { readonly shown: TelemetryPoint } {
  const { deviceId, message, receivedAt } = received;
  const window: TelemetryWindowTable = {
    device_id: deviceId,
    stream_id: message.streamId,
    sequence: message.sequence,
    received_at: receivedAt,
    started_at: message.startedAt,
    ended_at: message.endedAt,
    dropped: message.dropped,
    content: encodeContent(message),
  };
  return { window, ...pointOf(window, message) };
}

function pointOf(window: TelemetryWindowTable, content: WindowContent) {
  const shown = toPoint({ ...content, startedAt: window.started_at, endedAt: window.ended_at });
  const [text, classCounts] = [encodePoint(shown), encodeClassCounts(content.inference.classCounts)];
  const point: TelemetryPointTable = {
    device_id: window.device_id,
    stream_id: window.stream_id,
    sequence: window.sequence,
    received_at: window.received_at,
    ended_at: window.ended_at,
    dropped: window.dropped,
    bytes: [window.content, text, classCounts ?? ""].reduce((sum, part) => sum + Buffer.byteLength(part), 0),
    point: text,
    class_counts: classCounts,
  };
  return { shown, point };
}
