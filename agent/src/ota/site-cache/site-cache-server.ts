import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { type Clock, type Logger, type TlsIdentity } from "../../platform/index.js";
import { NeighbourLimits } from "./neighbour-limits.js";
import { busy, type CacheAnswer, refusal, type SiteCache } from "./site-cache.js";

/** Bounds of the listener. */
const MOST_CONNECTIONS = 128;
const MOST_REQUESTS = 96;
const HANDSHAKE_MS = 10_000;
const HEAD_MS = 10_000;
const IDLE_MS = 30_000;
const LONGEST_HEAD_BYTES = 8 * 1024;

/** A neighbour that takes longer for a piece of 64 KiB is cut off, ms: connection and open file are for those who read. */
const PIECE_MS = 20_000;

export interface SiteCacheServerOptions {
  readonly cache: Pick<SiteCache, "answer">;
  /** Whose certificate the cache shows; its authority is the only one whose devices are let in. */
  readonly tls: TlsIdentity;
  readonly listen: { readonly host: string; readonly port: number };
  /** Who is at the other end of a connection. @throws SartorError for who is no device of this fleet, or none any more */
  readonly identify: (socket: TLSSocket) => string;
  /** Longest time for a piece of 64 KiB, ms. */
  readonly pieceMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Serves a site cache to neighbours: HTTPS, client certificates of the fleet's authority only. */
export class SiteCacheServer {
  readonly #is: SiteCacheServerOptions;
  readonly #limits: NeighbourLimits;
  #server: Server | undefined;
  #unsubscribe: (() => void) | undefined;
  #requests = 0;

  constructor(options: SiteCacheServerOptions) {
    this.#is = options;
    this.#limits = new NeighbourLimits(() => options.clock.monotonic());
  }

  /** Listens; gives the port. Fails where the port is taken. */
  async start(): Promise<number> {
    const { tls, listen, logger } = this.#is;
    const server = createServer(
      {
        ...credentialOf(tls),
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: "TLSv1.2",
        handshakeTimeout: HANDSHAKE_MS,
        headersTimeout: HEAD_MS,
        requestTimeout: HEAD_MS,
        keepAliveTimeout: IDLE_MS,
        connectionsCheckingInterval: HEAD_MS / 2,
        maxHeaderSize: LONGEST_HEAD_BYTES,
      },
      (request, response) => void this.#serve(request, response),
    );
    server.maxConnections = MOST_CONNECTIONS;
    server.setTimeout(IDLE_MS);
    server.on("tlsClientError", (error) => logger.debug("a handshake with the site cache failed", { error }));
    server.listen(listen.port, listen.host);
    await once(server, "listening");
    server.on("error", (error) => logger.error("the site cache's listener failed", { error }));
    this.#server = server;
    this.#unsubscribe = tls.onSwap(() => server.setSecureContext(credentialOf(tls)));
    return (server.address() as AddressInfo).port;
  }

  /** Ends, with all connections. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#unsubscribe?.();
    if (server === undefined) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { logger } = this.#is;
    let end: (() => void) | undefined;
    this.#requests += 1;
    try {
      const asked = this.#admit(request.socket as TLSSocket);
      if (typeof asked === "object") return await this.#send(asked, response);
      end = asked;
      const { method = "", url = "", headers } = request;
      await this.#send(await this.#is.cache.answer({ method, target: url, headers }), response);
    } catch (error) {
      logger.debug("a neighbour did not get its answer", { error });
      response.destroy();
    } finally {
      this.#requests -= 1;
      end?.();
    }
  }

  /** Lets a request in, or says why not. */
  #admit(socket: TLSSocket): (() => void) | CacheAnswer {
    let deviceId: string;
    try {
      deviceId = this.#is.identify(socket);
    } catch (error) {
      this.#is.logger.warn("somebody who is no device of this fleet asked the site cache", { error });
      return refusal("SRT_CERTIFICATE_UNKNOWN", "The site cache serves devices of its own fleet.", {
        connection: "close",
      });
    }
    if (this.#requests > MOST_REQUESTS) return busy();
    return this.#limits.begin(deviceId) ?? busy();
  }

  async #send({ status, headers, body, close }: CacheAnswer, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort(new Error("the neighbour is gone")));
    const { pieceMs = PIECE_MS } = this.#is;
    try {
      response.writeHead(status, headers);
      for await (const piece of body) {
        gone.signal.throwIfAborted();
        if (response.write(piece)) continue;
        const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(pieceMs)]);
        await once(response, "drain", { signal });
      }
      response.end();
    } finally {
      await close();
    }
  }
}

function credentialOf({ credential }: TlsIdentity) {
  const { ca, client } = credential;
  return { ca, cert: client?.certificate, key: client?.key };
}
