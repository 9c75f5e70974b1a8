import { Agent } from "node:https";
import type { ConnectionOptions } from "node:tls";

/** What TLS needs to know whom we trust, and who we are. */
export interface TlsCredential {
  /** The only authorities that are trusted, PEM: the system's own are not. */
  readonly ca: string;
  /** Certificate (leaf first) and private key, PEM; absent for a peer that stays anonymous. */
  readonly client?: { readonly certificate: string; readonly key: string };
}

/** Connections to one peer: as many downloads as may run at once, and orders beside them. */
const MAXIMUM_SOCKETS = 10;
const IDLE_SOCKET_MS = 30_000;

/**
 * The credential that every connection of this device uses, exchanged as a whole when a certificate was renewed. What is on its way
 * over the old one ends in peace; each new connection uses the new one.
 */
export class TlsIdentity {
  #credential: TlsCredential;
  #agent: Agent | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(credential: TlsCredential) {
    this.#credential = credential;
  }

  get credential(): TlsCredential {
    return this.#credential;
  }

  /** Options of a TLS connection. The peer's name and chain are checked always; there is no way to switch that off. */
  options(): ConnectionOptions {
    const { ca, client } = this.#credential;
    return {
      ca,
      minVersion: "TLSv1.2",
      rejectUnauthorized: true,
      ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
    };
  }

  /** Keeps HTTPS connections open between requests. */
  get agent(): Agent {
    this.#agent ??= new Agent({
      ...this.options(),
      keepAlive: true,
      maxSockets: MAXIMUM_SOCKETS,
      timeout: IDLE_SOCKET_MS,
    });
    return this.#agent;
  }

  /** From now on the new credential holds. */
  swap(credential: TlsCredential): void {
    this.#credential = credential;
    this.close();
    for (const listener of this.#listeners) listener();
  }

  /** Calls a listener after each swap; the returned function ends that. */
  onSwap(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Closes connections that nobody uses; those in use are closed after their request. */
  close(): void {
    const former = this.#agent;
    this.#agent = undefined;
    if (former === undefined) return;
    former.maxFreeSockets = 0;
    for (const socket of Object.values(former.freeSockets).flat()) socket?.destroy();
  }
}
