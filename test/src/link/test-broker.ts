import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { parseTopic } from "@sartor/shared/protocol";
import { Aedes, type AedesPublishPacket, type Client } from "aedes";
import { freePort } from "../support/control-plane-process.js";

/** A message as it reached the broker. */
export interface Received {
  readonly kind: string;
  readonly json: Record<string, unknown>;
}

export interface TestBrokerOptions {
  readonly password?: string;
  /** Decides whether a publication is accepted; one that is not is never acknowledged. */
  readonly accept?: (packet: AedesPublishPacket) => boolean;
}

/** A real aedes that can be stopped and started again on the same port, and remembers what devices published. */
export class TestBroker {
  readonly received: Received[] = [];
  connects = 0;
  readonly #options: TestBrokerOptions;
  readonly #sockets = new Set<Socket>();
  #aedes: Aedes | undefined;
  #server: Server | undefined;
  #port = 0;

  constructor(options: TestBrokerOptions = {}) {
    this.#options = options;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const { password = "secret", accept = () => true } = this.#options;
    const aedes = await Aedes.createBroker({
      concurrency: 0,
      authenticate: (client, username, given, done) => {
        this.connects += 1;
        if (username === client.id && given?.toString() === password) return done(null, true);
        done(Object.assign(new Error("bad credential"), { returnCode: 5 }), false);
      },
      authorizePublish: (_client: Client | null, packet, done) => {
        if (accept(packet as AedesPublishPacket)) done(null);
      },
    });
    aedes.on("publish", (packet, client) => {
      const kind = parseTopic(packet.topic)?.kind;
      // A will has no client; what this test publishes itself goes to `desired`.
      if (kind === undefined || (client === null && kind === "desired")) return;
      this.received.push({ kind, json: JSON.parse(packet.payload.toString()) });
    });
    const server = createServer((socket) => {
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

  /** Publishes a retained desired state. */
  publishDesired(deviceId: string, desired: object | string): Promise<void> {
    const payload = Buffer.from(typeof desired === "string" ? desired : JSON.stringify(desired));
    return new Promise((resolve, reject) => {
      this.#aedes?.publish(
        { cmd: "publish", topic: `sartor/v1/${deviceId}/desired`, payload, qos: 1, retain: true, dup: false },
        (error) => (error ? reject(error) : resolve()),
      );
    });
  }

  of(kind: string): Record<string, unknown>[] {
    return this.received.filter((message) => message.kind === kind).map(({ json }) => json);
  }
}
