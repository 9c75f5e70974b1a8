import type { Inventory, PresenceEvent, ReportedState, TelemetryWindow } from "@sartor/shared/protocol";

/** A valid inventory. */
export function inventory(board = "Test board"): Inventory {
  return {
    schemaVersion: 1,
    collectedAt: Date.now(),
    emulated: false,
    board: { model: board },
    cpu: { architecture: "arm64", logicalCores: 4, features: { neon: true, dotprod: true } },
    memory: { totalBytes: 8 * 2 ** 30 },
    disk: { path: "/", totalBytes: 32 * 2 ** 30, availableBytes: 16 * 2 ** 30 },
    accelerators: [],
    thermalZones: [],
    operatingSystem: { name: "Debian", kernel: "6.1.0" },
    network: { hostname: "test", interfaces: ["eth0"] },
    runtime: {
      agentVersion: "0.1.0",
      nodeVersion: "24.0.0",
      onnxRuntimeVersion: "1.30.0",
      executionProviders: [{ name: "cpu", bundled: true }],
    },
  };
}

/** A valid reported state of a device that serves nothing. */
export function reported(deviceId: string, sequence: number, bootId = "boot-1"): ReportedState {
  return {
    schemaVersion: 1,
    deviceId,
    at: Date.now(),
    sequence,
    generation: 0,
    agent: { version: "0.1.0", bootId, startedAt: Date.now() },
    slots: { active: null, inactive: null },
    deployment: null,
    serving: { state: "none" },
    tuning: null,
    ordersRefusal: null,
    outbox: { queued: 0, droppedTelemetry: 0 },
  };
}

/** A valid, empty telemetry window. */
export function telemetryWindow(deviceId: string, sequence: number, streamId = "stream-1"): TelemetryWindow {
  return {
    schemaVersion: 1,
    deviceId,
    streamId,
    sequence,
    startedAt: 1_000 * sequence,
    endedAt: 1_000 * (sequence + 1),
    inference: { count: 0, errors: {} },
    system: {},
    dropped: 0,
  };
}

/** A presence event; `offline` with reason `connection_lost` is what a last will says. */
export function presence(deviceId: string, sessionId: string, status: "online" | "offline" = "online"): PresenceEvent {
  return {
    schemaVersion: 1,
    deviceId,
    at: Date.now(),
    type: "presence",
    status,
    reason: status === "online" ? "connected" : "connection_lost",
    sessionId,
  };
}
