import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from "@nestjs/common";
import {
  DOWNLINK_KINDS,
  type Nudge,
  PROTOCOL_VERSION,
  parseTopic,
  topicOf,
  UPLINK_KINDS,
  type UplinkKind,
} from "@sartor/shared/protocol";
import { Clock } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { Health, Metrics } from "../http/index.js";
import type { BrokerConnection } from "./broker-connection.js";
import { IngestRepository } from "./ingest.repository.js";
import { parseUplink, type UplinkMessage } from "./uplink-message.js";

/** Injection token of the broker. */
export const BROKER = Symbol("broker");
/** Most device-and-kind pairs remembered as logged. */
const LOGGED_SIZE = 20_000;

/** The only MQTT door: what devices send is validated here and becomes typed events; nudges leave here. */
@Injectable()
export class IngestService implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger(IngestService.name);
  readonly #logged = new Set<string>();

  constructor(
    @Inject(BROKER) private readonly broker: BrokerConnection,
    private readonly repository: IngestRepository,
    private readonly events: EventBus,
    private readonly metrics: Metrics,
    private readonly clock: Clock,
    health: Health,
  ) {
    health.add("broker", () => broker.check());
    events.on("device.revoked", ({ deviceId }) => broker.disconnect(deviceId));
  }

  /** Every module has registered its handlers by now; devices are let in by {@link listen}. */
  async onModuleInit(): Promise<void> {
    await this.broker.open({
      message: (topic, payload) => this.#take(topic, payload),
      connected: (deviceId) => {
        this.metrics.mqttConnections.inc();
        this.events.emit("device.connected", { deviceId, at: this.clock.now() });
      },
      disconnected: (deviceId) => {
        this.metrics.mqttConnections.dec();
        this.events.emit("device.disconnected", { deviceId, at: this.clock.now() });
      },
      refused: (reason, detail) => {
        this.metrics.mqttRefusals.inc({ reason });
        this.#logger.debug(`Refused (${reason}): ${detail}`);
      },
    });
  }

  /** Lets devices in; called when every module is ready and the nudges are in place. */
  async listen(): Promise<void> {
    await this.broker.listen();
  }

  async onModuleDestroy(): Promise<void> {
    await this.broker.close();
  }

  /** Which broker this is. */
  get brokerKind(): "embedded" | "external" {
    return this.broker.kind;
  }

  /** Tells a device that there is something new for it, retained: it hears of it now or when it connects. */
  async publishNudge(deviceId: string, generation: number): Promise<void> {
    const nudge: Nudge = { schemaVersion: PROTOCOL_VERSION, deviceId, generation };
    await this.broker.publishRetained(topicOf(deviceId, "nudge"), Buffer.from(JSON.stringify(nudge)));
  }

  /** Messages of a device that were dropped, by kind. */
  invalidMessagesOf(deviceId: string): Promise<Record<string, number>> {
    return this.repository.countsOf(deviceId);
  }

  /** Removes what is kept of a device here and on the broker. */
  async forget(deviceId: string): Promise<void> {
    this.broker.disconnect(deviceId);
    for (const kind of DOWNLINK_KINDS) await this.broker.publishRetained(topicOf(deviceId, kind), new Uint8Array());
    await this.repository.forget(deviceId);
  }

  async #take(topic: string, payload: Uint8Array): Promise<void> {
    const parsed = parseTopic(topic);
    if (parsed === undefined || !isUplink(parsed.kind)) return;
    const { deviceId, kind } = parsed;
    const receivedAt = this.clock.now();
    const result = parseUplink(deviceId, kind, payload);
    if (!result.ok) {
      this.metrics.mqttMessages.inc({ kind, outcome: "invalid" });
      this.#drop(deviceId, kind, result.error.message, receivedAt);
      return;
    }
    this.metrics.ingestUnderWay.inc();
    const endTimer = this.metrics.ingestLag.startTimer({ kind });
    try {
      await this.#tell(deviceId, result.value, receivedAt);
      this.metrics.mqttMessages.inc({ kind, outcome: "accepted" });
    } catch (error) {
      this.metrics.mqttMessages.inc({ kind, outcome: "failed" });
      throw error;
    } finally {
      endTimer();
      this.metrics.ingestUnderWay.dec();
    }
  }

  #tell(deviceId: string, uplink: UplinkMessage, receivedAt: number): Promise<void> {
    switch (uplink.kind) {
      case "inventory":
        return this.events.emitAndWait("device.inventory", { deviceId, message: uplink.message, receivedAt });
      case "reported":
        return this.events.emitAndWait("device.reported", { deviceId, message: uplink.message, receivedAt });
      case "telemetry":
        return this.events.emitAndWait("device.telemetry", { deviceId, message: uplink.message, receivedAt });
      case "events":
        return this.events.emitAndWait("device.event", { deviceId, message: uplink.message, receivedAt });
      case "tuning":
        return this.events.emitAndWait("device.tuning", { deviceId, message: uplink.message, receivedAt });
    }
  }

  #drop(deviceId: string, kind: UplinkKind, problem: string, at: number): void {
    const key = `${deviceId}/${kind}`;
    if (!this.#logged.has(key) && this.#logged.size < LOGGED_SIZE) {
      this.#logged.add(key);
      this.#logger.warn(`Dropped a message of ${deviceId} (${kind}); further ones are only counted. ${problem}`);
    }
    this.repository.count({ deviceId, kind, problem, at }).catch((error: unknown) => {
      this.#logger.error(`A dropped message could not be counted: ${error instanceof Error ? error.message : error}`);
    });
    this.events.emit("device.invalid_message", { deviceId, kind, problem, at });
  }
}

function isUplink(kind: string): kind is UplinkKind {
  return (UPLINK_KINDS as readonly string[]).includes(kind);
}
