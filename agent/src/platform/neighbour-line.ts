import { Agent } from "node:https";
import type { Duplex } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import type { HttpsLine } from "./http-request.js";
import type { TlsIdentity } from "./tls-identity.js";

/** A neighbour answers within a few milliseconds or is not there. */
const CONNECT_MS = 5_000;
const MAXIMUM_SOCKETS = 8;
const IDLE_SOCKET_MS = 30_000;

/**
 * Connections to other devices of the fleet. A device's certificate is for TLS clients and names no host, so that it can never stand in for the
 * control plane; OpenSSL would refuse it as a server's. Therefore `check` looks at the whole chain in OpenSSL's place, after the handshake has
 * shown that the peer holds the key, and before the first byte is sent.
 */
export class NeighbourLine implements HttpsLine {
  readonly #tls: TlsIdentity;
  readonly #check: (socket: TLSSocket) => void;
  #agent: Agent | undefined;
  #unsubscribe: (() => void) | undefined;

  /** @param check throws for a peer that is not to be spoken with */
  constructor(tls: TlsIdentity, check: (socket: TLSSocket) => void) {
    this.#tls = tls;
    this.#check = check;
    this.#unsubscribe = tls.onSwap(() => this.#end());
  }

  get agent(): Agent {
    this.#agent ??= new NeighbourAgent(this.#tls, this.#check);
    return this.#agent;
  }

  close(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#end();
  }

  #end(): void {
    this.#agent?.destroy();
    this.#agent = undefined;
  }
}

class NeighbourAgent extends Agent {
  readonly #tls: TlsIdentity;
  readonly #check: (socket: TLSSocket) => void;

  constructor(tls: TlsIdentity, check: (socket: TLSSocket) => void) {
    super({ keepAlive: true, maxSockets: MAXIMUM_SOCKETS, timeout: IDLE_SOCKET_MS, maxCachedSessions: 0 });
    this.#tls = tls;
    this.#check = check;
  }

  override createConnection(
    options: { host?: string | null; port?: number | string | null },
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    // A connection that was checked and waits for requests has this deadline no more.
    const deadline = setTimeout(
      () => socket.destroy(new Error(`no TLS connection within ${CONNECT_MS} ms`)),
      CONNECT_MS,
    );
    const socket = connect({
      ...this.#tls.options(),
      host: options.host ?? "localhost",
      port: Number(options.port),
      rejectUnauthorized: false,
    });
    const failed = (error: Error) => {
      clearTimeout(deadline);
      socket.destroy();
      callback?.(error, socket);
    };
    socket.once("error", failed);
    socket.once("secureConnect", () => {
      try {
        this.#check(socket);
      } catch (error) {
        return failed(error as Error);
      }
      clearTimeout(deadline);
      socket.off("error", failed);
      callback?.(null, socket);
    });
    return undefined;
  }
}
