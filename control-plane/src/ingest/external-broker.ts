import { Logger } from "@nestjs/common";
import { UPLINK_KINDS, uplinkFilter } from "@sartor/shared/protocol";
import mqtt, { type MqttClient } from "mqtt";
import type { BrokerConnection, BrokerHandlers } from "./broker-connection.js";

/** One session for this control plane, kept by the broker while it is away. */
const CLIENT_ID = "sartor-control-plane";
/** Longest wait for the first connection, ms; then the start goes on without it. */
const FIRST_CONNECT_MS = 15_000;

export interface ExternalBrokerOptions {
  readonly url: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/**
 * A session with a broker that somebody else runs (mosquitto, EMQX, ...). It is persistent: what devices publish while
 * the control plane is away waits in the broker. A message is acknowledged after its commit. Who may publish what is
 * that broker's business; docs/control-plane.md has the rules it must hold.
 */
export class ExternalBroker implements BrokerConnection {
  readonly kind = "external";
  readonly #options: ExternalBrokerOptions;
  readonly #logger = new Logger(ExternalBroker.name);
  #handlers: BrokerHandlers | undefined;
  #client: MqttClient | undefined;
  /** Desired states from before the connection, newest a topic. */
  readonly #early = new Map<string, Uint8Array>();

  constructor(options: ExternalBrokerOptions) {
    this.#options = options;
  }

  async open(handlers: BrokerHandlers): Promise<void> {
    this.#handlers = handlers;
  }

  async listen(): Promise<void> {
    const { url, username, password } = this.#options;
    const client = mqtt.connect(url, {
      clientId: CLIENT_ID,
      clean: false,
      reconnectPeriod: 1_000,
      connectTimeout: FIRST_CONNECT_MS,
      resubscribe: true,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
    });
    this.#client = client;
    // mqtt.js sends PUBACK when this calls back, and reads the next message then.
    client.handleMessage = (packet, done) => {
      const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
      (this.#handlers?.message(packet.topic, payload) ?? Promise.reject(new Error("closed"))).then(
        () => done(),
        (error: unknown) => {
          // Not acknowledged: the broker sends it again on the next connection.
          this.#logger.error(`A message was not taken: ${error instanceof Error ? error.message : String(error)}`);
          done(error instanceof Error ? error : new Error(String(error)));
        },
      );
    };
    client.on("error", (error) => this.#logger.warn(`The broker connection failed: ${error.message}`));
    client.on("close", () => this.#logger.debug("The broker connection is closed."));
    const filters = Object.fromEntries(UPLINK_KINDS.map((kind) => [uplinkFilter(kind), { qos: 1 as const }]));
    // Both wait for the connection by themselves, and are repeated after each later one.
    client.subscribeAsync(filters).catch((error: Error) => {
      this.#logger.error(`The broker refuses the subscription to the devices' topics: ${error.message}`);
    });
    for (const [topic, payload] of this.#early) await this.publishRetained(topic, payload);
    this.#early.clear();
    await this.#firstConnection(client);
  }

  /** A broker that is away is no reason not to start: people still want to see their fleet. */
  async #firstConnection(client: MqttClient): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#logger.warn(`No broker answers at ${redact(this.#options.url)}; trying on.`);
        resolve();
      }, FIRST_CONNECT_MS);
    });
    const connected = new Promise<void>((resolve) => client.once("connect", () => resolve()));
    await Promise.race([connected, late]);
    clearTimeout(timer);
  }

  /** Resolves once the broker has it, or at once while there is no connection: the newest goes out when there is one. */
  async publishRetained(topic: string, payload: Uint8Array): Promise<void> {
    if (this.#client === undefined) {
      this.#early.set(topic, payload);
      return;
    }
    const published = this.#client.publishAsync(topic, Buffer.from(payload), { qos: 1, retain: true });
    if (this.#client.connected) await published;
    else published.catch((error: Error) => this.#logger.warn(`${topic} could not be published: ${error.message}`));
  }

  disconnect(deviceId: string): void {
    this.#logger.warn(`${deviceId} has no access any more; revoke it on the external broker too.`);
  }

  async check(): Promise<void> {
    if (this.#client?.connected !== true) throw new Error("no connection to the broker");
  }

  async close(): Promise<void> {
    this.#handlers = undefined;
    await this.#client?.endAsync(false);
  }
}

function redact(url: string): string {
  const parsed = new URL(url);
  return `${parsed.protocol}//${parsed.host}`;
}
