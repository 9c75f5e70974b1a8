import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { TLSSocket } from "node:tls";
import { SartorError } from "@sartor/shared/errors";
import { printable } from "@sartor/shared/protocol";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { REQUEST_TIMEOUT_MS } from "./body-deadline.js";
import { ConnectionGate, type ConnectionGateOptions, gateConnections } from "./connection-gate.js";
import { refuseConnection } from "./refusals.js";

/** Longest time that a TLS handshake may take, ms, and then a request's head. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 15_000;
const TIMEOUT_CHECK_MS = 5_000;
/** How long a silent connection is kept: a device asks every few minutes at most, and a handshake costs. */
const KEEP_ALIVE_MS = 65_000;

/** Key and certificate of the server, PEM, and the authorities of the devices' certificates. */
export interface DeviceListenerCredentials {
  readonly key: string;
  readonly cert: string;
  readonly ca: string[];
}

export interface DeviceListenerOptions extends ConnectionGateOptions {
  readonly maximumConnections: number;
  readonly credentials: DeviceListenerCredentials;
  readonly now: () => number;
  readonly refused: (reason: string) => void;
}

/** Requests that came in here and not through the operators' listener. */
const fromDevices = new WeakSet<IncomingMessage>();

/**
 * HTTPS for devices, beside the operators' HTTP: the same Fastify, so the same routes, limits and errors; {@link isFromDeviceListener} tells
 * them apart. A certificate is asked for and not demanded here: devices enrol through this door too. Whether one counts is decided with
 * each request.
 */
export class DeviceListener {
  readonly #server: Server;

  constructor(fastify: FastifyInstance, options: DeviceListenerOptions) {
    this.#server = createServer(
      {
        ...tlsOptions(options.credentials),
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connectionsCheckingInterval: TIMEOUT_CHECK_MS,
        noDelay: true,
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        fromDevices.add(request);
        fastify.routing(request, response);
      },
    );
    this.#server.maxConnections = options.maximumConnections;
    const gate = new ConnectionGate({ perMinute: options.perMinute, handshakes: options.handshakes });
    gateConnections(this.#server, gate, options.now, options.refused);
    this.#server.on("clientError", refuseConnection);
    this.#server.on("tlsClientError", () => options.refused("handshake"));
  }

  /** Lets devices in; gives the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        const address = this.#server.address();
        resolve(address !== null && typeof address === "object" ? address.port : port);
      });
    });
  }

  /** Uses other credentials from the next handshake on. */
  reload(credentials: DeviceListenerCredentials): void {
    this.#server.setSecureContext(tlsOptions(credentials));
  }

  /** Lets nobody in any more, waits a moment for replies under way, closes. */
  async close(withinMs: number): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), withinMs);
    await closed;
    clearTimeout(timer);
  }
}

function tlsOptions({ key, cert, ca }: DeviceListenerCredentials) {
  return { key, cert, ca, minVersion: "TLSv1.2" as const };
}

/** Tells whether a request came through the devices' listener. */
export function isFromDeviceListener(request: FastifyRequest): boolean {
  return fromDevices.has(request.raw);
}

/** The TLS connection of a request of the devices' listener. */
export function deviceSocketOf(request: FastifyRequest): TLSSocket {
  return request.raw.socket as TLSSocket;
}

/** Address of the other side. TLS ends at the devices' listener, so no proxy may say another. */
export function addressOf(request: FastifyRequest): string {
  return isFromDeviceListener(request) ? (request.raw.socket.remoteAddress ?? "unknown") : request.ip;
}

/** The answer to a request of the wrong listener: there is no such route. */
export function nothingHere(request: FastifyRequest): SartorError {
  return new SartorError("SRT_NOT_FOUND", `There is nothing at ${request.method} ${printable(request.url, 256)}.`);
}

/** The dashboard and the description of the REST interface are no routes of Nest, so no guard stands before them. */
export function refusePagesToDevices(request: FastifyRequest): void {
  if (isFromDeviceListener(request) && !request.url.startsWith("/api/v1/")) throw nothingHere(request);
}
