import type { LiveEvent } from "@sartor/shared/protocol";
import { backoffMs } from "./backoff.js";
import { type Credential, greetingOf } from "./credential.js";

/** How the live connection stands. */
export type LiveState = "connecting" | "live" | "reconnecting";

/** What a socket tells. */
export interface SocketHandlers {
  readonly onOpen: () => void;
  readonly onMessage: (data: unknown) => void;
  readonly onClose: (code: number) => void;
}

/** What can be done with a socket. */
export interface SocketHandle {
  send(text: string): void;
  close(): void;
}

/** What the live connection needs of its surroundings. */
export interface LiveSocketOptions {
  readonly credential: Credential;
  readonly openSocket: (handlers: SocketHandlers) => SocketHandle;
  readonly random: () => number;
  /** Calls back after so many ms; gives a function that cancels. */
  readonly after: (milliseconds: number, callback: () => void) => () => void;
  readonly onEvent: (event: LiveEvent) => void;
  readonly onState: (state: LiveState) => void;
  /** The server closed for a reason that may be the credential: whoever listens finds out whether it still holds. */
  readonly onRefused: () => void;
}

/** A connection that is not ready after this time is given up, ms. */
const READY_TIMEOUT_MS = 10_000;
/** Close code "policy violation" (RFC 6455, section 7.4.1): a token that is not accepted, or one that came too late. */
const POLICY_VIOLATION = 1008;

/**
 * The WebSocket for live events: signs in with its first message, connects again after a loss, and tells its state. What
 * was missed in between is not replayed: whoever listens reads again when the state becomes `live` anew.
 */
export class LiveSocket {
  readonly #options: LiveSocketOptions;
  #socket: SocketHandle | null = null;
  #cancelTimer: () => void = () => undefined;
  #attempt = 0;
  #wasLive = false;
  #stopped = false;

  constructor(options: LiveSocketOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.onState(this.#wasLive ? "reconnecting" : "connecting");
    this.#connect();
  }

  /** Tries at once, for instance because the browser says that the network is back. */
  retryNow(): void {
    if (this.#stopped || this.#socket !== null) return;
    this.#cancelTimer();
    this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    this.#drop();
  }

  #connect(): void {
    // A socket that was given up may still speak: what it says is ignored.
    const whenCurrent = (act: () => void) => {
      if (this.#socket === socket) act();
    };
    const socket: SocketHandle = this.#options.openSocket({
      onOpen: () => whenCurrent(() => socket.send(greetingOf(this.#options.credential))),
      onMessage: (data) => whenCurrent(() => this.#receive(data)),
      onClose: (code) => whenCurrent(() => this.#closed(code)),
    });
    this.#socket = socket;
    this.#cancelTimer = this.#options.after(READY_TIMEOUT_MS, () => this.#lost());
  }

  #closed(code: number): void {
    this.#lost();
    if (code === POLICY_VIOLATION) this.#options.onRefused();
  }

  #receive(data: unknown): void {
    const event = parseEvent(data);
    if (event === undefined) return;
    if (event.type === "ready") {
      this.#cancelTimer();
      this.#attempt = 0;
      this.#wasLive = true;
      this.#options.onState("live");
    }
    this.#options.onEvent(event);
  }

  #lost(): void {
    this.#cancelTimer();
    this.#drop();
    if (this.#stopped) return;
    this.#options.onState("reconnecting");
    const wait = backoffMs(this.#attempt, this.#options.random());
    this.#attempt += 1;
    this.#cancelTimer = this.#options.after(wait, () => this.#connect());
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}

function parseEvent(data: unknown): LiveEvent | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const event: unknown = JSON.parse(data);
    const known = typeof event === "object" && event !== null && "type" in event && typeof event.type === "string";
    return known ? (event as LiveEvent) : undefined;
  } catch {
    // Our own server sends JSON only; anything else is not for this page.
    return undefined;
  }
}
