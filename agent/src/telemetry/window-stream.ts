import { PROTOCOL_VERSION, type TelemetryWindow } from "@sartor/shared/protocol";
import { z } from "zod";
import type { SettingsStore } from "../storage/index.js";
import type { ClosedWindow } from "./window-aggregator.js";

const STREAM_KEY = "telemetry.stream";
const streamSchema = z.object({ streamId: z.string().min(1).max(64), next: z.number().int().min(0) });

export interface WindowStreamOptions {
  readonly deviceId: string;
  readonly settings: SettingsStore;
  /** Runs work in one transaction of the settings' database. */
  readonly atomically: <T>(work: () => T) => T;
  /** Stores a window for sending, as part of the running transaction. */
  readonly publish: (window: TelemetryWindow) => void;
  /** Windows dropped since the stream began. */
  readonly dropped: () => number;
  readonly newStreamId: () => string;
}

/**
 * Numbers windows. The number advances in the transaction that stores the window for sending: killed at any moment, the
 * stream has neither a gap nor the same number twice. A lost database begins a new stream under a new id.
 */
export class WindowStream {
  readonly #is: WindowStreamOptions;

  constructor(options: WindowStreamOptions) {
    this.#is = options;
  }

  /** Gives a window its place in the stream and hands it on; durable when it returns. */
  append(window: ClosedWindow, system: TelemetryWindow["system"]): TelemetryWindow {
    const { deviceId, settings, atomically, publish, dropped, newStreamId } = this.#is;
    return atomically(() => {
      const { streamId, next } = settings.load(STREAM_KEY, streamSchema) ?? { streamId: newStreamId(), next: 0 };
      settings.save(STREAM_KEY, { streamId, next: next + 1 });
      const full: TelemetryWindow = {
        schemaVersion: PROTOCOL_VERSION,
        deviceId,
        streamId,
        sequence: next,
        ...window,
        system,
        dropped: dropped(),
      };
      publish(full);
      return full;
    });
  }
}
