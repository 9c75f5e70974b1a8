import type { AddressInfo } from "node:net";
import { createServer, type Server, Socket } from "node:net";

/** What becomes of one connection, once so many bytes have come down it. */
export interface LineFault {
  readonly kind: "drop" | "corrupt" | "freeze";
  readonly afterBytes: number;
  /** How long a frozen connection stays half open before it is reset, ms. */
  readonly forMs?: number;
}

/** A TCP line between two real programs, as bad as a test wants it. */
export interface NetworkLine {
  readonly port: number;
  /** Decides about each new connection. */
  plan: () => LineFault | undefined;
  /** Called when a fault really happened to somebody. */
  onInjected: (kind: LineFault["kind"] | "cut") => void;
  /** Ends all connections and refuses new ones, until {@link NetworkLine.heal}. Counts as one injection where there was a connection. */
  cut(): void;
  heal(): void;
  close(): Promise<void>;
}

/** Starts a line; where it leads may be said later, by changing the target. */
export async function startNetworkLine(target: { port: number }): Promise<NetworkLine> {
  const pairs = new Set<() => void>();
  const timers = new Set<NodeJS.Timeout>();
  let isCut = false;
  const line: NetworkLine = {
    get port() {
      return (server.address() as AddressInfo).port;
    },
    plan: () => undefined,
    onInjected: () => undefined,
    cut() {
      if (pairs.size > 0) line.onInjected("cut");
      isCut = true;
      for (const end of [...pairs]) end();
    },
    heal() {
      isCut = false;
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
      for (const end of [...pairs]) end();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  const server: Server = createServer((client) => {
    if (isCut) return void client.destroy();
    const upstream = new Socket().connect(target.port, "127.0.0.1");
    const end = () => {
      client.destroy();
      upstream.destroy();
      pairs.delete(end);
    };
    pairs.add(end);
    for (const socket of [client, upstream]) socket.setNoDelay(true).on("error", end).on("close", end);
    client.pipe(upstream);
    const fault = line.plan();
    let down = 0;
    let isFrozen = false;
    upstream.on("data", (piece: Buffer) => {
      if (isFrozen) return;
      const before = down;
      down += piece.byteLength;
      const isDue = fault !== undefined && before <= fault.afterBytes && down > fault.afterBytes;
      if (isDue) line.onInjected(fault.kind);
      if (!isDue || fault.kind === "corrupt") {
        if (isDue) piece[fault.afterBytes - before] = (piece[fault.afterBytes - before] ?? 0) ^ 0x55;
        if (!client.write(piece)) {
          upstream.pause();
          client.once("drain", () => upstream.resume());
        }
        return;
      }
      client.write(piece.subarray(0, fault.afterBytes - before));
      if (fault.kind === "drop") return void setImmediate(end);
      // Half open: nothing more comes either way, and nobody says so.
      isFrozen = true;
      client.unpipe(upstream);
      const timer = setTimeout(() => {
        timers.delete(timer);
        end();
      }, fault.forMs ?? 1_000);
      timers.add(timer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return line;
}
