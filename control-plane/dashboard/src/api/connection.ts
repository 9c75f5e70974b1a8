import type { LiveEvent } from "@sartor/shared/protocol";
import { ApiClient } from "./api-client.js";
import { ApiError, errorOfFailure, type ShownError } from "./api-error.js";
import type { Credential } from "./credential.js";
import { FleetStore } from "./fleet-store.js";
import { LiveSocket, type LiveState, type SocketHandle, type SocketHandlers } from "./live-socket.js";

/** How often at most the fleet is drawn anew, ms. */
const FLEET_BATCH_MS = 250;

/**
 * Everything a signed-in page shares: the REST client, the live connection and the fleet. `epoch` rises whenever events
 * may have been missed; whoever shows something read from the server reads it again then.
 */
export class Connection {
  readonly client: ApiClient;
  readonly fleet = new FleetStore((callback) => void setTimeout(callback, FLEET_BATCH_MS));
  readonly #live: LiveSocket;
  readonly #stopped = new AbortController();
  #fleetLoad = new AbortController();
  readonly #eventListeners = new Set<(event: LiveEvent) => void>();
  readonly #stateListeners = new Set<() => void>();
  #state: LiveState = "connecting";
  #epoch = 0;

  constructor(credential: Credential, onUnauthenticated: () => void) {
    this.client = new ApiClient({ credential, fetch: window.fetch.bind(window), onUnauthenticated });
    this.#live = new LiveSocket({
      credential,
      openSocket: openLiveSocket,
      random: Math.random,
      after: (milliseconds, callback) => {
        const timer = setTimeout(callback, milliseconds);
        return () => clearTimeout(timer);
      },
      onEvent: (event) => this.#receive(event),
      onState: (state) => this.#setState(state),
      onRefused: () => this.#checkToken(),
    });
  }

  get state(): LiveState {
    return this.#state;
  }

  get epoch(): number {
    return this.#epoch;
  }

  start(): void {
    window.addEventListener("online", this.#retryNow);
    this.#live.start();
  }

  stop(): void {
    window.removeEventListener("online", this.#retryNow);
    this.#stopped.abort();
    this.#fleetLoad.abort();
    this.#live.stop();
  }

  /** Reads the fleet anew; a read that is under way is given up. */
  loadFleet(): void {
    this.#fleetLoad.abort();
    this.#fleetLoad = new AbortController();
    const { signal } = this.#fleetLoad;
    void this.fleet.load(this.client.devices(signal), (failure) => shownError(failure, signal));
  }

  onEvent(listener: (event: LiveEvent) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  onState(listener: () => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  readonly #retryNow = () => this.#live.retryNow();

  /** Any request tells: the client reports a credential that is not accepted. */
  #checkToken(): void {
    this.client.system(this.#stopped.signal).catch(() => undefined);
  }

  #receive(event: LiveEvent): void {
    if (event.type === "device") this.fleet.apply(event.device);
    if (event.type === "device_removed") this.fleet.remove(event.deviceId);
    // After `ready` too: what was read before the connection stood may be older than its first event.
    if (event.type === "ready" || event.type === "resync") {
      this.#epoch += 1;
      this.loadFleet();
      this.#announceState();
    }
    for (const listener of [...this.#eventListeners]) listener(event);
  }

  #setState(state: LiveState): void {
    if (state === this.#state) return;
    this.#state = state;
    // Once live, `ready` reads the fleet; a page that cannot get live shows at least what it can read.
    if (state === "reconnecting" && !this.fleet.snapshot.complete) this.loadFleet();
    this.#announceState();
  }

  #announceState(): void {
    for (const listener of [...this.#stateListeners]) listener();
  }
}

/** The error to show for a failed read; null when the page itself gave it up. */
export function shownError(failure: unknown, signal: AbortSignal): ShownError | null {
  if (signal.aborted) return null;
  return failure instanceof ApiError ? failure : errorOfFailure(failure);
}

function openLiveSocket(handlers: SocketHandlers): SocketHandle {
  const address = new URL("/api/v1/live", window.location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(address);
  socket.addEventListener("open", handlers.onOpen);
  socket.addEventListener("message", (event: MessageEvent<unknown>) => handlers.onMessage(event.data));
  socket.addEventListener("close", (event) => handlers.onClose(event.code));
  return socket;
}
