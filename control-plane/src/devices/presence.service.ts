import { Injectable, Logger, type OnModuleInit } from "@nestjs/common";
import type { DeviceEvent } from "@sartor/shared/protocol";
import { Clock } from "../config/index.js";
import { EventBus, type Received } from "../events/index.js";
import { Metrics } from "../http/index.js";
import { IngestService } from "../ingest/index.js";
import { DeviceWrites } from "./device-writes.repository.js";
import { DevicesRepository } from "./devices.repository.js";
import { initialPresence, nextPresence, type Presence, type PresenceInput } from "./presence.js";

/** A device that only keeps sending is written at most this often, ms. */
const LAST_SEEN_INTERVAL_MS = 10_000;

/** Who is there. Kept in memory, where inputs are applied in order and at once, and written behind. */
@Injectable()
export class PresenceService implements OnModuleInit {
  readonly #logger = new Logger(PresenceService.name);
  readonly #presences = new Map<string, Presence>();
  readonly #writtenAt = new Map<string, number>();

  constructor(
    private readonly repository: DevicesRepository,
    private readonly writes: DeviceWrites,
    private readonly events: EventBus,
    private readonly ingest: IngestService,
    private readonly clock: Clock,
    metrics: Metrics,
  ) {
    events.on("device.connected", ({ deviceId, at }) => this.#applyBehind(deviceId, { type: "connected", at }));
    events.on("device.disconnected", ({ deviceId, at }) => this.#applyBehind(deviceId, { type: "disconnected", at }));
    events.on("device.event", (received) => this.#onEvent(received));
    for (const name of ["device.inventory", "device.reported", "device.telemetry", "device.tuning"] as const) {
      events.on(name, ({ deviceId, receivedAt }) => this.#applyBehind(deviceId, { type: "heard", at: receivedAt }));
    }
    metrics.countDevices = () => this.#count();
  }

  /** Sessions with an embedded broker ended with the process before this one. */
  async onModuleInit(): Promise<void> {
    const now = this.clock.now();
    for (const row of await this.repository.presences()) {
      const presence: Presence = {
        status: row.presence as Presence["status"],
        since: row.presence_since,
        sessionId: row.session_id,
        pastSessions: [],
        lastSeenAt: row.last_seen_at,
      };
      this.#presences.set(row.device_id, presence);
      if (this.ingest.brokerKind === "embedded" && presence.status === "online") {
        this.#applyBehind(row.device_id, { type: "disconnected", at: now });
      }
    }
    await this.writes.flush();
  }

  /** What is known of a device right now. */
  of(deviceId: string): Presence | undefined {
    return this.#presences.get(deviceId);
  }

  /** A device was enrolled. */
  add(deviceId: string, at: number): void {
    if (!this.#presences.has(deviceId)) this.#presences.set(deviceId, initialPresence(at));
  }

  forget(deviceId: string): void {
    this.#presences.delete(deviceId);
    this.#writtenAt.delete(deviceId);
  }

  async #onEvent({ deviceId, message, receivedAt }: Received<DeviceEvent>): Promise<void> {
    if (message.type === "log") {
      this.#applyBehind(deviceId, { type: "heard", at: receivedAt });
      return;
    }
    // The control plane's own clock: the device's may be wrong.
    await this.#apply(deviceId, { type: message.status, sessionId: message.sessionId, at: receivedAt });
  }

  #applyBehind(deviceId: string, input: PresenceInput): void {
    this.#apply(deviceId, input).catch((error: unknown) => {
      this.#logger.error(`The presence of ${deviceId} could not be written: ${String(error)}`);
    });
  }

  /** Applies at once; resolves when it is committed. Unknown devices (deleted a moment ago) are left out. */
  async #apply(deviceId: string, input: PresenceInput): Promise<void> {
    const before = this.#presences.get(deviceId);
    if (before === undefined) return;
    const after = nextPresence(before, input);
    if (after === before) return;
    this.#presences.set(deviceId, after);
    const changed = after.status !== before.status;
    const due = input.at - (this.#writtenAt.get(deviceId) ?? 0) >= LAST_SEEN_INTERVAL_MS;
    if (!changed && after.sessionId === before.sessionId && !due) return;
    this.#writtenAt.set(deviceId, input.at);
    await this.writes.presence(deviceId, after);
    if (changed) this.events.emit("device.changed", { deviceId });
  }

  #count(): Record<string, number> {
    const counts = { online: 0, offline: 0, never_seen: 0 };
    for (const presence of this.#presences.values()) counts[presence.status] += 1;
    return counts;
  }
}
