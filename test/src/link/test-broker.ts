import { once } from "node:events";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { parseTopic, topicOf } from "@sartor/shared/protocol";
import { Aedes, type AedesPublishPacket, type Client } from "aedes";
import { freePort } from "../support/control-plane-process.js";
import { serverOptions } from "../support/test-credentials.js";

/** A message as it reached the broker. */
export interface Received {
  readonly kind: string;
  readonly json: Record<string, unknown>;
}

export interface TestBrokerOptions {
  /** Refuses every device (CONNACK 5). */
  readonly refuse?: boolean;
  /** Decides whether a publication is accepted; one that is not is never acknowledged. */
  readonly accept?: (packet: AedesPublishPacket) => boolean;
}

/** A real aedes behind mutual TLS that can be stopped and started again on the same port, and remembers what devices published. */
export class TestBroker {
  readonly received: Received[] = [];
  connects = 0;
  /** Serial numbers of the certificates that connected, in order. */
  readonly peers: string[] = [];
  /** Filters that devices subscribed to, in order. */
  readonly subscriptions: string[] = [];
  readonly #options: TestBrokerOptions;
  readonly #sockets = new Set<TLSSocket>();
  #aedes: Aedes | undefined;
  #server: Server | undefined;
  #port = 0;

  constructor(options: TestBrokerOptions = {}) {
    this.#options = options;
  }

  get url(): string {
    return `mqtts://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const { refuse = false, accept = () => true } = this.#options;
    const aedes = await Aedes.createBroker({
      concurrency: 0,
      authenticate: (client, _username, _password, done) => {
        this.connects += 1;
        const { subject } = (client.conn as TLSSocket).getPeerCertificate();
        this.peers.push((client.conn as TLSSocket).getPeerCertificate().serialNumber);
        if (subject.CN === client.id && !refuse) return done(null, true);
        done(Object.assign(new Error("bad credential"), { returnCode: 5 }), false);
      },
      authorizePublish: (_client: Client | null, packet, done) => {
        if (accept(packet as AedesPublishPacket)) done(null);
      },
    });
    aedes.on("subscribe", (filters) => this.subscriptions.push(...filters.map(({ topic }) => topic)));
    aedes.on("publish", (packet, client) => {
      const kind = parseTopic(packet.topic)?.kind;
      // A will has no client; what this test publishes itself goes down.
      if (kind === undefined || (client === null && kind === "nudge")) return;
      this.received.push({ kind, json: JSON.parse(packet.payload.toString()) });
    });
    const server = createServer(serverOptions, (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => this.#sockets.delete(socket));
      aedes.handle(socket);
    });
    // Nobody else takes it while this broker is stopped.
    if (this.#port === 0) this.#port = await freePort();
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#aedes = aedes;
    this.#server = server;
  }

  /** Cuts all lines, as a network does. */
  cutLines(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Stops at once, as a crash does; the port stays its own. */
  async stop(): Promise<void> {
    const server = this.#server;
    const aedes = this.#aedes;
    if (server === undefined || aedes === undefined) return;
    this.#server = undefined;
    const closed = once(server, "close");
    server.close();
    this.cutLines();
    await closed;
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
  }

  /** Publishes a retained nudge: of this generation, or whatever it is that shall pass for one. */
  publishNudge(deviceId: string, nudge: number | object | string): Promise<void> {
    const message = typeof nudge === "number" ? { schemaVersion: 1, deviceId, generation: nudge } : nudge;
    const payload = Buffer.from(typeof message === "string" ? message : JSON.stringify(message));
    return this.publish(topicOf(deviceId, "nudge"), payload);
  }

  /** Publishes anything, retained, as nobody but the control plane may. */
  publish(topic: string, payload: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#aedes?.publish({ cmd: "publish", topic, payload, qos: 1, retain: true, dup: false }, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  of(kind: string): Record<string, unknown>[] {
    return this.received.filter((message) => message.kind === kind).map(({ json }) => json);
  }
}
