import type { AddressInfo } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { Logger } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import { mayPublish, maySubscribe, printable, topicOf } from "@sartor/shared/protocol";
import { Aedes, type AuthenticateError, type Client, type ConnectPacket, type PublishPacket } from "aedes";
import type { DeviceIdentities, OwnCertificates, TlsCredentials } from "../auth/index.js";
import { ConnectionGate, type ConnectionGateOptions, gateConnections, RateLimiter } from "../http/index.js";
import type { BrokerConnection, BrokerHandlers } from "./broker-connection.js";
import { FramingError, GatedConnection } from "./gated-connection.js";
import { PacketPace } from "./packet-pace.js";

/** Longest time that a TLS handshake may take, ms. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How often a device may begin a session: one that flaps does not reach it, one in a tight loop does. */
const SESSIONS = { burst: 60, perMinute: 60 };

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
  readonly gate: ConnectionGateOptions;
  /** Packets that are read in a minute, of one device and of all devices of one address. */
  readonly packetsPerMinute: { readonly device: number; readonly address: number };
  readonly listening: (port: number) => void;
  readonly now: () => number;
}

type Connection = GatedConnection<TLSSocket>;

/**
 * The broker inside the control plane: aedes over TLS, with a gate in front of its parser and devices that may use their own
 * topics only. Who a device is, its certificate says: its client id has to be the certificate's common name, so nobody else
 * can take its session over.
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
  readonly #identities: Pick<DeviceIdentities, "identify">;
  readonly #certificates: Pick<OwnCertificates, "server" | "onRenewed">;
  readonly #logger = new Logger(EmbeddedBroker.name);
  readonly #wills = new WeakMap<Client, ConnectPacket["will"]>();
  readonly #clientIds = new WeakMap<Client, string>();
  /** For each client the acknowledgement before: they leave in the order of their messages [MQTT-4.6.0-2]. */
  readonly #previous = new WeakMap<Client, Promise<void>>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #sessions = new RateLimiter(SESSIONS);
  readonly #devicePace: PacketPace;
  readonly #addressPace: PacketPace;
  readonly #sockets = new Set<TLSSocket>();
  #server: Server | undefined;
  #aedes: Aedes | undefined;
  #handlers: BrokerHandlers | undefined;
  #closing = false;

  constructor(
    options: EmbeddedBrokerOptions,
    identities: Pick<DeviceIdentities, "identify">,
    certificates: Pick<OwnCertificates, "server" | "onRenewed">,
  ) {
    this.#options = options;
    this.#identities = identities;
    this.#certificates = certificates;
    this.#devicePace = new PacketPace(options.packetsPerMinute.device);
    this.#addressPace = new PacketPace(options.packetsPerMinute.address);
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
      authenticate: (client, _username, _password, done) => {
        this.#authenticate(client).then(
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
    aedes.on("client", (client) => handlers.connected(client.id));
    aedes.on("clientDisconnect", (client) => handlers.disconnected(client.id));
    aedes.on("connackSent", (packet, client) => {
      if (packet.returnCode === 0) this.#openFor(client);
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
    const { host, port, maximumConnections, gate, now, listening } = this.#options;
    const server = createServer(
      {
        ...tlsOptions(this.#certificates.server),
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        requestCert: true,
        rejectUnauthorized: true,
        noDelay: true,
        keepAlive: true,
      },
      (socket) => this.#accept(socket),
    );
    server.maxConnections = maximumConnections;
    gateConnections(server, new ConnectionGate(gate), now, (reason, address) =>
      this.#handlers?.refused(reason, address),
    );
    server.on("tlsClientError", (error, socket) => {
      this.#handlers?.refused("handshake", `${socket.remoteAddress ?? "unknown"}: ${printable(error.message, 128)}`);
    });
    this.#certificates.onRenewed(() => server.setSecureContext(tlsOptions(this.#certificates.server)));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, () => {
        server.off("error", reject);
        server.on("error", (error) => this.#logger.error(error.message, error.stack));
        listening((server.address() as AddressInfo).port);
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
    this.#clients()[deviceId]?.close();
  }

  async check(): Promise<void> {
    if (this.#server?.listening !== true) throw new Error("the broker does not listen");
  }

  async close(): Promise<void> {
    this.#closing = true;
    const server = this.#server;
    const closed = new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    const deadline = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_WAIT_MS).unref());
    await Promise.race([Promise.allSettled(this.#underWay), deadline]);
    await new Promise<void>((resolve) => (this.#aedes === undefined ? resolve() : this.#aedes.close(resolve)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.race([closed, deadline]);
  }

  #accept(socket: TLSSocket): void {
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

  /** The client id is the certificate's common name; the will is the device's own. User name and password say nothing. */
  async #authenticate(client: Client): Promise<void> {
    const connection = client.conn as Connection;
    const refuse = (reason: string, returnCode: number): AuthenticateError => {
      this.#handlers?.refused(reason, connection.remoteAddress);
      return Object.assign(new Error(reason), { returnCode }) as AuthenticateError;
    };
    // aedes fills an empty client id in by itself, so look at what was sent.
    const clientId = this.#clientIds.get(client);
    if (!clientId) throw refuse("empty_client_id", 2);
    const close = () => {
      client.close();
      connection.destroy();
    };
    const peer = await this.#identities.identify(connection.socket, "mqtt", close).catch((error: unknown) => {
      if (error instanceof SartorError && error.status < 500) throw refuse(reasonOf(error), 5);
      this.#logger.error(`A certificate could not be checked: ${error instanceof Error ? error.message : error}`);
      throw refuse("certificate_check_failed", 3);
    });
    if (clientId !== peer.deviceId) throw refuse("client_id_is_not_certificate", 2);
    if (this.#sessions.take(clientId, this.#options.now()) > 0) throw refuse("too_many_sessions", 3);
    const will = this.#wills.get(client);
    if (will !== undefined && will.topic !== topicOf(clientId, "events")) throw refuse("foreign_will", 5);
  }

  #openFor(client: Client): void {
    const connection = client.conn as Connection;
    const address = connection.remoteAddress;
    connection.open((packets) => {
      const now = this.#options.now();
      const wait = Math.max(
        this.#devicePace.take(client.id, packets, now),
        this.#addressPace.take(address, packets, now),
      );
      if (wait > 0) this.#handlers?.refused("slowed_down", client.id);
      return wait;
    });
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

function tlsOptions({ key, cert, ca }: TlsCredentials) {
  return { key, cert, ca, minVersion: "TLSv1.2" as const };
}

/** `SRT_CERTIFICATE_REVOKED` as a counter's word. */
function reasonOf(error: SartorError): string {
  return error.code.replace(/^SRT_/, "").toLowerCase();
}
