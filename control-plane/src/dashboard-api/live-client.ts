import type { GroupScope, LiveEvent } from "@sartor/shared/protocol";

/** What a live client needs of a WebSocket. */
export interface LiveSocket {
  readonly readyState: number;
  /** Bytes that wait to be sent. */
  readonly bufferedAmount: number;
  send(text: string): void;
  close(code: number, reason: string): void;
}

const OPEN = 1;
/** Above this a client is too slow: what comes then is dropped for it, bytes. */
export const MOST_BUFFERED_BYTES = 1024 * 1024;

/**
 * One authenticated client. It never makes the server hoard: while it is too slow it misses events, and once it has caught up it is
 * told to read everything again.
 */
export class LiveClient {
  #missed = false;

  /** @param scope groups of devices that whoever watches may see */
  constructor(
    private readonly socket: LiveSocket,
    readonly scope: GroupScope,
  ) {}

  /** Sends events that were written once for all clients of the same scope. */
  send(events: readonly string[]): void {
    for (const event of events) {
      if (this.socket.readyState !== OPEN) return;
      if (this.socket.bufferedAmount > MOST_BUFFERED_BYTES) {
        this.#missed = true;
        return;
      }
      this.recover();
      this.socket.send(event);
    }
  }

  /** Tells a client that missed something, once there is room. Called from time to time, too: nothing may follow by itself. */
  recover(): void {
    if (!this.#missed || this.socket.readyState !== OPEN || this.socket.bufferedAmount > MOST_BUFFERED_BYTES / 2)
      return;
    this.#missed = false;
    this.socket.send(JSON.stringify({ type: "resync" } satisfies LiveEvent));
  }
}
