import type { Server, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { RateLimiter } from "./rate-limiter.js";

export interface ConnectionGateOptions {
  /** Connections that one address may open in a minute; as many at once after a pause. */
  readonly perMinute: number;
  /** TLS handshakes that one address may have under way. */
  readonly handshakes: number;
}

/** Why a connection was not let in. */
export type GateRefusal = "too_many_connections" | "too_many_handshakes";

/** Says whether an address may open one more connection: before TLS, whose handshake is what costs. Time is passed in. */
export class ConnectionGate {
  readonly #limiter: RateLimiter;
  readonly #handshakes: number;
  readonly #underWay = new Map<string, number>();

  constructor(options: ConnectionGateOptions) {
    this.#limiter = new RateLimiter({ burst: options.perMinute, perMinute: options.perMinute });
    this.#handshakes = options.handshakes;
  }

  /** Lets a connection in, whose handshake is under way until {@link handshakeEnded}, or says why not. */
  enter(address: string, now: number): GateRefusal | undefined {
    const underWay = this.#underWay.get(address) ?? 0;
    if (underWay >= this.#handshakes) return "too_many_handshakes";
    if (this.#limiter.take(address, now) > 0) return "too_many_connections";
    this.#underWay.set(address, underWay + 1);
    return undefined;
  }

  /** A handshake ended, however it did. */
  handshakeEnded(address: string): void {
    const left = (this.#underWay.get(address) ?? 1) - 1;
    if (left > 0) this.#underWay.set(address, left);
    else this.#underWay.delete(address);
  }
}

/** Puts a gate in front of a TLS server (https, tls): what it refuses is closed before TLS sees a byte. */
export function gateConnections(
  server: Server,
  gate: ConnectionGate,
  now: () => number,
  refused: (reason: GateRefusal, address: string) => void,
): void {
  const accept = server.listeners("connection") as ((this: Server, socket: Socket) => void)[];
  /** What ends the handshake of a connection, by its other side's address and port. */
  const ends = new Map<string, () => void>();
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const address = socket.remoteAddress ?? "unknown";
    const refusal = gate.enter(address, now());
    if (refusal !== undefined) {
      refused(refusal, address);
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    const end = () => {
      if (ends.get(key) !== end) return;
      ends.delete(key);
      gate.handshakeEnded(address);
    };
    ends.get(key)?.();
    ends.set(key, end);
    socket.once("close", end);
    for (const listener of accept) listener.call(server, socket);
  });
  server.on("secureConnection", (socket: TLSSocket) => ends.get(keyOf(socket))?.());
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress ?? "unknown"} ${socket.remotePort}`;
}
