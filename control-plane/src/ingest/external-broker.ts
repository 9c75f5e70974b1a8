import { readFile } from "node:fs/promises";
import { Logger } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import { printable, UPLINK_KINDS, uplinkFilter } from "@sartor/shared/protocol";
import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient } from "mqtt";
import type { OwnCertificates } from "../auth/index.js";
import type { BrokerConnection, BrokerHandlers } from "./broker-connection.js";

/** One session for this control plane, kept by the broker while it is away. */
const CLIENT_ID = "sartor-control-plane";
/** Longest wait for the first connection, ms; then the start goes on without it. */
const FIRST_CONNECT_MS = 15_000;
/** Longest wait for the broker's acknowledgement of a message, ms; then the connection is given up and made anew. */
const ACKNOWLEDGE_WITHIN_MS = 10_000;
/** Pause before the next connection, ms. It doubles with each message that could not be taken, up to the longest. */
const RECONNECT_AFTER_MS = 1_000;
const LONGEST_RECONNECT_AFTER_MS = 30_000;
/** Longest wait for messages under way, and then for the goodbye, when closing, ms. */
const CLOSE_WAIT_MS = 3_000;

export interface ExternalBrokerOptions {
  readonly url: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** What the broker is trusted by, PEM; Sartor's own root when undefined. */
  readonly caFile: string | undefined;
}

/**
 * A session with a broker that somebody else runs (mosquitto, EMQX, ...). It is persistent: what devices publish while
 * the control plane is away waits in the broker. A message is acknowledged after its commit; one that could not be
 * stored ends the connection, because a broker sends again what was not acknowledged only on the next one (MQTT 3.1.1,
 * section 4.4). Who may publish what is that broker's business; docs/control-plane.md has the rules it must hold.
 */
export class ExternalBroker implements BrokerConnection {
  readonly kind = "external";
  readonly #options: ExternalBrokerOptions;
  readonly #certificates: Pick<OwnCertificates, "client" | "onRenewed">;
  readonly #logger = new Logger(ExternalBroker.name);
  #handlers: BrokerHandlers | undefined;
  #client: MqttClient | undefined;
  /** What the broker has not acknowledged, newest a topic; it goes out with the next connection. */
  readonly #unconfirmed = new Map<string, Uint8Array>();
  /** Aborted when the connection ends: what waits for an acknowledgement on it waits no longer. */
  #connection = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #closing = false;

  constructor(options: ExternalBrokerOptions, certificates: Pick<OwnCertificates, "client" | "onRenewed">) {
    this.#options = options;
    this.#certificates = certificates;
  }

  async open(handlers: BrokerHandlers): Promise<void> {
    this.#handlers = handlers;
  }

  async listen(): Promise<void> {
    const { url, username, password } = this.#options;
    const tls = await this.#tls();
    const client = mqtt.connect(url, {
      clientId: CLIENT_ID,
      clean: false,
      reconnectPeriod: RECONNECT_AFTER_MS,
      connectTimeout: FIRST_CONNECT_MS,
      resubscribe: true,
      ...tls,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
    });
    this.#client = client;
    // Used from the next connection on.
    this.#certificates.onRenewed(() => Object.assign(client.options, pairOf(this.#certificates)));
    // mqtt.js sends PUBACK when this calls back, and reads the next message then.
    client.handleMessage = (packet, done) => this.#take(client, packet, done);
    client.on("connect", () => {
      this.#connection = new AbortController();
      this.#sendUnconfirmed(client).catch((error: Error) => this.#logger.warn(error.message));
    });
    client.on("error", (error) => this.#logger.warn(`The broker connection failed: ${error.message}`));
    client.on("close", () => {
      this.#logger.debug("The broker connection is closed.");
      this.#connection.abort();
    });
    const filters = Object.fromEntries(UPLINK_KINDS.map((kind) => [uplinkFilter(kind), { qos: 1 as const }]));
    // Waits for the connection by itself, and is repeated after each later one.
    client.subscribeAsync(filters).catch((error: Error) => {
      if (!this.#closing)
        this.#logger.error(`The broker refuses the subscription to the devices' topics: ${error.message}`);
    });
    await this.#firstConnection(client);
  }

  /** The control plane shows its own certificate to a broker that speaks TLS. */
  async #tls(): Promise<Pick<IClientOptions, "key" | "cert" | "ca" | "rejectUnauthorized">> {
    const { url, caFile } = this.#options;
    if (!url.startsWith("mqtts:")) return {};
    try {
      const ca = caFile === undefined ? this.#certificates.client.ca : await readFile(caFile, "utf8");
      return { ...pairOf(this.#certificates), ca, rejectUnauthorized: true };
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      throw new SartorError("SRT_CONFIG_INVALID", `SARTOR_MQTT_CA_FILE cannot be read: ${problem}.`, { cause });
    }
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

  #take(client: MqttClient, packet: IPublishPacket, done: (error?: Error) => void): void {
    const { stream } = client;
    const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
    const taken = (this.#handlers?.message(packet.topic, payload) ?? Promise.reject(new Error("closed"))).then(
      () => {
        client.options.reconnectPeriod = RECONNECT_AFTER_MS;
        done();
      },
      (error: unknown) => {
        // Not acknowledged, and nothing after it is read: the messages stay in their order on the next connection.
        if (this.#closing) return;
        const reason = error instanceof Error ? error.message : String(error);
        this.#logger.error(`A message on ${printable(packet.topic, 128)} was not taken, connecting anew: ${reason}`);
        const pause = (client.options.reconnectPeriod ?? RECONNECT_AFTER_MS) * 2;
        client.options.reconnectPeriod = Math.min(pause, LONGEST_RECONNECT_AFTER_MS);
        stream.destroy();
      },
    );
    this.#underWay.add(taken);
    taken.finally(() => this.#underWay.delete(taken));
  }

  /**
   * Resolves once the broker has it, or at once while there is no connection: the newest goes out when there is one.
   *
   * @throws SartorError SRT_BROKER_UNREACHABLE when the broker does not acknowledge in time; it is sent again with the
   *   next connection unless a newer one came
   */
  async publishRetained(topic: string, payload: Uint8Array): Promise<void> {
    if (this.#closing) throw unreachable(`${topic} was not published: the control plane stops.`);
    this.#unconfirmed.set(topic, payload);
    if (this.#client?.connected === true) await this.#send(this.#client, topic, payload);
  }

  /** One after the other: a broker that comes back is not met with everything at once. */
  async #sendUnconfirmed(client: MqttClient): Promise<void> {
    const { signal } = this.#connection;
    for (const topic of [...this.#unconfirmed.keys()]) {
      if (signal.aborted) return;
      const payload = this.#unconfirmed.get(topic);
      if (payload !== undefined) await this.#send(client, topic, payload);
    }
  }

  async #send(client: MqttClient, topic: string, payload: Uint8Array): Promise<void> {
    const { stream } = client;
    const connectionEnd = this.#connection.signal;
    const before = client.getLastMessageId();
    const published = client.publishAsync(topic, Buffer.from(payload), { qos: 1, retain: true });
    const messageId = client.getLastMessageId();
    let timer: NodeJS.Timeout | undefined;
    let giveUp: (() => void) | undefined;
    const gaveUp = new Promise<string>((resolve) => {
      timer = setTimeout(
        () => resolve(`it did not acknowledge within ${ACKNOWLEDGE_WITHIN_MS} ms`),
        ACKNOWLEDGE_WITHIN_MS,
      );
      giveUp = () => resolve("the connection ended before its acknowledgement");
      if (connectionEnd.aborted) giveUp();
      else connectionEnd.addEventListener("abort", giveUp, { once: true });
    });
    const problem = await Promise.race([
      published.then(
        () => undefined,
        (error: Error) => error.message,
      ),
      gaveUp,
    ]);
    clearTimeout(timer);
    if (giveUp !== undefined) connectionEnd.removeEventListener("abort", giveUp);
    if (problem === undefined) {
      if (this.#unconfirmed.get(topic) === payload) this.#unconfirmed.delete(topic);
      return;
    }
    // mqtt.js would send it again by itself, perhaps after a newer one of ours.
    if (messageId !== null && messageId !== before) client.removeOutgoingMessage(messageId);
    if (!connectionEnd.aborted) stream.destroy();
    throw unreachable(`The broker has not taken ${topic}: ${problem}.`);
  }

  disconnect(deviceId: string): void {
    this.#logger.warn(`${deviceId} has no access any more; revoke it on the external broker too.`);
  }

  async check(): Promise<void> {
    if (this.#client?.connected !== true) throw new Error("no connection to the broker");
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#handlers = undefined;
    this.#connection.abort();
    await within(CLOSE_WAIT_MS, Promise.allSettled(this.#underWay));
    const client = this.#client;
    if (client === undefined) return;
    // A polite end waits for every acknowledgement that is still owed: with a broker that is away it would wait for ever.
    const ended = client.endAsync(!client.connected).catch(() => undefined);
    await within(CLOSE_WAIT_MS, ended);
    client.stream.destroy();
  }
}

function pairOf({ client }: Pick<OwnCertificates, "client">): { key: string; cert: string } {
  return { key: client.key, cert: client.cert };
}

/** Waits for something, but not longer than so many ms. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

function unreachable(message: string): SartorError {
  return new SartorError("SRT_BROKER_UNREACHABLE", message);
}

function redact(url: string): string {
  const parsed = new URL(url);
  return `${parsed.protocol}//${parsed.host}`;
}
