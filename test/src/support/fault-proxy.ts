import type { AddressInfo } from "node:net";
import { createServer, type Server, Socket } from "node:net";

const TICK_MS = 20;

/** A TCP proxy between two real programs that slows, cuts and heals the line. */
export interface FaultProxy {
  readonly port: number;
  /** Bytes passed from the target to its clients so far. */
  readonly downBytes: number;
  /** Limits what passes from the target to its clients, bytes a second; undefined lifts the limit. */
  setRate(bytesPerSecond: number | undefined): void;
  /** Ends all connections and refuses new ones. */
  cut(): void;
  /** Lets connections through again. */
  heal(): void;
  close(): Promise<void>;
}

/** Starts a proxy on a free loopback port. */
export async function startFaultProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  const pairs = new Set<[Socket, Socket]>();
  let rate: number | undefined;
  let isCut = false;
  let downBytes = 0;
  let allowance = 0;
  const waiting = new Set<() => void>();
  const timer = setInterval(() => {
    allowance = rate === undefined ? Number.POSITIVE_INFINITY : Math.min(rate, allowance + (rate * TICK_MS) / 1000);
    for (const wake of [...waiting]) wake();
  }, TICK_MS);

  const server: Server = createServer((client) => {
    if (isCut) return void client.destroy();
    const upstream = new Socket().connect(target.port, target.host);
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    const end = () => {
      client.destroy();
      upstream.destroy();
      pairs.delete(pair);
    };
    for (const socket of pair) socket.on("error", end).on("close", end);
    client.pipe(upstream);
    upstream.on("data", (piece) => {
      upstream.pause();
      let sent = 0;
      const send = () => {
        const room = rate === undefined ? piece.byteLength : Math.min(piece.byteLength - sent, Math.floor(allowance));
        if (room > 0) {
          allowance -= room;
          downBytes += room;
          client.write(piece.subarray(sent, sent + room));
          sent += room;
        }
        if (sent < piece.byteLength && !client.destroyed) return void waiting.add(send);
        waiting.delete(send);
        upstream.resume();
      };
      send();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cutAll = () => {
    for (const [client, upstream] of [...pairs]) {
      client.destroy();
      upstream.destroy();
    }
    waiting.clear();
  };
  return {
    port: (server.address() as AddressInfo).port,
    get downBytes() {
      return downBytes;
    },
    setRate(bytesPerSecond) {
      rate = bytesPerSecond;
      allowance = 0;
    },
    cut() {
      isCut = true;
      cutAll();
    },
    heal() {
      isCut = false;
    },
    async close() {
      clearInterval(timer);
      cutAll();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
