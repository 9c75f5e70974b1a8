import { createServer, type Server, type Socket } from "node:net";
import { Logger } from "@nestjs/common";
import { mayPublish, maySubscribe, printable, topicOf } from "@sartor/shared/protocol";
import { Aedes, type AuthenticateError, type Client, type ConnectPacket, type PublishPacket } from "aedes";
import type { DeviceCredentials } from "../auth/index.js";
import type { BrokerConnection, BrokerHandlers } from "./broker-connection.js";
import { FramingError, GatedConnection } from "./gated-connection.js";

/** Longest time from a connection to its CONNECT, ms. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Longest time that a client may leave its receive buffer full, ms. */
const DRAIN_TIMEOUT_MS = 30_000;
/** Longest keep-alive that a client may ask for, s; asking for none is refused. */
const KEEPALIVE_LIMIT_S = 1_200;
/** Longest wait for messages under way when closing, ms. */
const CLOSE_WAIT_MS = 5_000;

export interface EmbeddedBrokerOptions {
  readonly host: string;
  readonly port: number;
  readonly maximumConnections: number;
  readonly listening: (port: number) => void;
}

/**
 * The broker inside the control plane: aedes, with a gate in front of its parser and devices that may use their own
 * topics only.
 *
 * Messages of devices are taken where aedes asks whether they may be published: that is the only hook that runs before
 * it acknowledges (it writes PUBACK before it publishes), and acknowledgements have to wait for the commit. So nothing
 * subscribes to devices' messages, and aedes's emitter, whose default concurrency lets a burst overflow the stack, only
 * carries desired states; its queue is off all the same.
 *
 * Sessions are always clean: a device gets its retained desired state whenever it connects and keeps its own outbox, so
 * the broker has nothing to remember and an absent device costs no memory.
 */
export class EmbeddedBroker implements BrokerConnection {
  readonly kind = "embedded";
  readonly #options: EmbeddedBrokerOptions;
  readonly #credentials: DeviceCredentials;
  readonly #logger = new Logger(EmbeddedBroker.name);
  readonly #wills = new WeakMap<Client, ConnectPacket["will"]>();
  readonly #clientIds = new WeakMap<Client, string>();
  /** For each client the acknowledgement before: they leave in the order of their messages [MQTT-4.6.0-2]. */
  readonly #previous = new WeakMap<Client, Promise<void>>();
  readonly #underWay = new Set<Promise<void>>();
  /** Devices whose access ended while this process runs. Ids are never given twice. */
  readonly #revoked = new Set<string>();
  readonly #server: Server;
  #aedes: Aedes | undefined;
  #handlers: BrokerHandlers | undefined;
  #closing = false;

  constructor(options: EmbeddedBrokerOptions, credentials: DeviceCredentials) {
    this.#options = options;
    this.#credentials = credentials;
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = options.maximumConnections;
  }

  async open(handlers: BrokerHandlers): Promise<void> {
    this.#handlers = handlers;
    const aedes = await Aedes.createBroker({
      concurrency: 0,
      connectTimeout: CONNECT_TIMEOUT_MS,
      drainTimeout: DRAIN_TIMEOUT_MS,
      keepaliveLimit: KEEPALIVE_LIMIT_S,
      maxInflightInbound: 100,
      maxTopicLevels: 8,
      preConnect: (client, packet, done) => {
        packet.clean = true;
        this.#wills.set(client, packet.will);
        this.#clientIds.set(client, packet.clientId);
        done(null, true);
      },
      authenticate: (client, username, password, done) => {
        this.#authenticate(client, username, password).then(
          () => done(null, true),
          (error: AuthenticateError) => done(error, false),
        );
      },
      authorizePublish: (client, packet, done) => this.#takeMessage(client, packet, done),
      authorizeSubscribe: (client, subscription, done) => {
        const allowed = maySubscribe(client.id, subscription.topic);
        if (!allowed) {
          handlers.refused("foreign_subscription", `${client.id} asked for ${printable(subscription.topic, 128)}`);
        }
        // null becomes "failure" in the SUBACK (MQTT 3.1.1, section 3.9.3).
        done(null, allowed ? subscription : null);
      },
      authorizeForward: (client, packet) => (maySubscribe(client.id, packet.topic) ? packet : null),
    });
    aedes.on("client", (client) => {
      handlers.connected(client.id);
      // Revoked while its credential was being checked.
      if (this.#revoked.has(client.id)) client.close();
    });
    aedes.on("clientDisconnect", (client) => handlers.disconnected(client.id));
    aedes.on("connackSent", (packet, client) => {
      if (packet.returnCode === 0) (client.conn as GatedConnection).open();
    });
    const onError = (client: Client, error: Error) =>
      this.#logger.debug(`${printable(client.id ?? "A client", 64)}: ${printable(error.message, 256)}`);
    aedes.on("clientError", onError);
    aedes.on("connectionError", onError);
    // The typings leave "error" out; without a listener it would end the process.
    (aedes as NodeJS.EventEmitter).on("error", (error: Error) => this.#logger.error(error.message, error.stack));
    this.#aedes = aedes;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#options.port, this.#options.host, () => {
        this.#server.off("error", reject);
        this.#server.on("error", (error) => this.#logger.error(error.message, error.stack));
        const address = this.#server.address();
        if (address !== null && typeof address === "object") this.#options.listening(address.port);
        resolve();
      });
    });
  }

  /** Resolves as soon as the message is retained: a device that reads slowly holds nobody up. */
  async publishRetained(topic: string, payload: Uint8Array): Promise<void> {
    this.#aedes?.publish(
      { cmd: "publish", topic, payload: Buffer.from(payload), qos: 1, retain: true, dup: false },
      (error) => {
        if (error) this.#logger.warn(`${topic} could not be delivered: ${error.message}`);
      },
    );
  }

  disconnect(deviceId: string): void {
    this.#revoked.add(deviceId);
    this.#clients()[deviceId]?.close();
  }

  async check(): Promise<void> {
    if (!this.#server.listening) throw new Error("the broker does not listen");
  }

  async close(): Promise<void> {
    this.#closing = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const deadline = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_WAIT_MS).unref());
    await Promise.race([Promise.allSettled(this.#underWay), deadline]);
    await new Promise<void>((resolve) => (this.#aedes === undefined ? resolve() : this.#aedes.close(resolve)));
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await Promise.race([closed, deadline]);
  }

  readonly #sockets = new Set<Socket>();

  #accept(socket: Socket): void {
    if (this.#closing || this.#aedes === undefined) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    const connection = new GatedConnection(socket);
    connection.on("error", (error) => {
      if (error instanceof FramingError) this.#handlers?.refused(error.violation, connection.remoteAddress);
    });
    this.#aedes.handle(connection);
  }

  /** Client id, user name and device id are one; the password is the device's secret; the will is the device's own. */
  async #authenticate(client: Client, username: string | undefined, password: Buffer | undefined): Promise<void> {
    const refuse = (reason: string, returnCode: number): AuthenticateError => {
      this.#handlers?.refused(reason, (client.conn as GatedConnection).remoteAddress);
      return Object.assign(new Error(reason), { returnCode }) as AuthenticateError;
    };
    // aedes fills an empty client id in by itself, so look at what was sent.
    const clientId = this.#clientIds.get(client);
    if (!clientId) throw refuse("empty_client_id", 2);
    if (clientId !== username) throw refuse("client_id_is_not_user_name", 2);
    const verified = await this.#credentials
      .verify(clientId, password?.toString("utf8") ?? "")
      .catch((error: unknown) => {
        this.#logger.error(`A credential could not be checked: ${error instanceof Error ? error.message : error}`);
        throw refuse("credential_check_failed", 3);
      });
    if (!verified || this.#revoked.has(clientId)) throw refuse("bad_credential", 4);
    const will = this.#wills.get(client);
    if (will !== undefined && will.topic !== topicOf(clientId, "events")) throw refuse("foreign_will", 5);
  }

  #takeMessage(client: Client | null, packet: PublishPacket, done: (error?: Error | null) => void): void {
    // Only the control plane keeps messages on the broker.
    packet.retain = false;
    this.#acknowledgementOf(client, packet).then(
      () => done(),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** Resolves when a message may be acknowledged: its own commit and the acknowledgements before it are done. */
  async #acknowledgementOf(client: Client | null, packet: PublishPacket): Promise<void> {
    if (client === null || !mayPublish(client.id, packet.topic)) {
      this.#handlers?.refused(
        "foreign_topic",
        `${client?.id ?? "nobody"} published to ${printable(packet.topic, 128)}`,
      );
      throw new Error("a device publishes to its own topics only");
    }
    // When the control plane stops, it ends the sessions itself: the wills that follow are not news of the devices.
    if (this.#closing || this.#handlers === undefined) throw new Error("closing");
    const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
    const handled = this.#handlers.message(packet.topic, payload);
    const previous = this.#previous.get(client) ?? Promise.resolve();
    const acknowledged = Promise.allSettled([previous, handled]).then(() => handled);
    this.#previous.set(client, acknowledged);
    this.#underWay.add(acknowledged);
    try {
      await acknowledged;
    } finally {
      this.#underWay.delete(acknowledged);
    }
  }

  /** Live sessions by client id; aedes documents the field, its typings leave it out. */
  #clients(): Readonly<Record<string, Client>> {
    return (this.#aedes as unknown as { clients: Record<string, Client> } | undefined)?.clients ?? {};
  }
}
