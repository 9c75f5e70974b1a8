import type { IncomingMessage } from "node:http";
import { Logger, type OnModuleDestroy } from "@nestjs/common";
import { type OnGatewayConnection, WebSocketGateway } from "@nestjs/websockets";
import type { LiveEvent } from "@sartor/shared/protocol";
import type { RawData, WebSocket } from "ws";
import { z } from "zod";
import { OperatorToken } from "../auth/index.js";
import { PublicAddresses, Settings } from "../config/index.js";
import { LiveClient } from "./live-client.js";
import { LiveEvents } from "./live-events.service.js";
import { WaitingRoom } from "./waiting-room.js";

/** Longest message of a client, bytes; it only ever sends its token. */
const MOST_MESSAGE_BYTES = 1_024;
const AUTHENTICATE_WITHIN_MS = 5_000;
/** Authenticated connections at once. */
const MOST_CLIENTS = 256;
/** Connections at once that have not authenticated, and of those the most from one address. */
const MOST_WAITING = { total: 64, perAddress: 16 };
/** How often silent connections are asked whether they live, and slow clients whether they caught up, ms. */
const CHECK_INTERVAL_MS = 15_000;

/** Close codes: 1008 policy, 1013 try again later (RFC 6455 and its registry). */
const POLICY = 1008;
const TRY_LATER = 1013;

const authenticateSchema = z.object({ type: z.literal("authenticate"), token: z.string().max(512) });

/** The WebSocket `/api/v1/live`: the first message authenticates, then changes come as they happen. */
@WebSocketGateway({ path: "/api/v1/live", maxPayload: MOST_MESSAGE_BYTES, perMessageDeflate: false })
export class LiveGateway implements OnGatewayConnection<WebSocket>, OnModuleDestroy {
  readonly #logger = new Logger(LiveGateway.name);
  /** Authenticated ones and those that wait. */
  readonly #sockets = new Set<WebSocket>();
  readonly #waiting = new WaitingRoom<WebSocket>(MOST_WAITING);
  #clients = 0;
  /** Sockets that have not answered the last ping. */
  readonly #silent = new WeakSet<WebSocket>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly operator: OperatorToken,
    private readonly live: LiveEvents,
    private readonly addresses: PublicAddresses,
    private readonly settings: Settings,
  ) {
    this.#timer = setInterval(() => this.check(), CHECK_INTERVAL_MS).unref();
  }

  handleConnection(socket: WebSocket, request: IncomingMessage): void {
    // The adapter logs every error with its stack: too much for what any stranger can cause (an oversized frame).
    socket.removeAllListeners("error");
    socket.on("error", (error) => this.#logger.debug(`A live client was cut off: ${error.message}`));
    if (!this.isOwnPage(request)) {
      socket.close(POLICY, "another site's page may not connect");
      return;
    }
    const displaced = this.#waiting.enter(socket, this.addressOf(request));
    displaced?.close(TRY_LATER, "too many clients that have not authenticated");
    this.#sockets.add(socket);
    const deadline = setTimeout(() => socket.close(POLICY, "no token within 5 s"), AUTHENTICATE_WITHIN_MS).unref();
    socket.on("pong", () => this.#silent.delete(socket));
    socket.once("close", () => {
      clearTimeout(deadline);
      this.#sockets.delete(socket);
      this.#waiting.leave(socket);
    });
    socket.once("message", (data: RawData) => {
      clearTimeout(deadline);
      this.authenticate(socket, data);
    });
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.close(1001, "the control plane stops");
  }

  private authenticate(socket: WebSocket, data: RawData): void {
    const message = authenticateSchema.safeParse(parseJson(data));
    if (!message.success || !this.operator.matches(message.data.token)) {
      socket.close(POLICY, "the first message must authenticate with the operator's token");
      return;
    }
    this.#waiting.leave(socket);
    if (this.#clients >= MOST_CLIENTS) {
      socket.close(TRY_LATER, "too many clients");
      return;
    }
    // Displaced while its token was on the way.
    if (socket.readyState !== socket.OPEN) return;
    this.#clients += 1;
    socket.once("close", () => {
      this.#clients -= 1;
    });
    const client = new LiveClient(socket);
    socket.send(JSON.stringify({ type: "ready" } satisfies LiveEvent));
    const leave = this.live.join(client);
    socket.once("close", leave);
    this.#logger.debug(`A live client joined (${this.#clients} of them).`);
  }

  /** As Fastify's `request.ip` does it: a proxy is only believed where an operator said so. */
  private addressOf(request: IncomingMessage): string {
    const forwarded = this.settings.trustProxy ? request.headers["x-forwarded-for"] : undefined;
    const first = [forwarded].flat()[0]?.split(",", 1)[0]?.trim();
    return first || (request.socket.remoteAddress ?? "unknown");
  }

  /** A browser says whose page it is; programs say nothing. The token alone would do: this keeps other sites from even trying. */
  private isOwnPage(request: IncomingMessage): boolean {
    const { origin, host } = request.headers;
    if (origin === undefined) return true;
    if (!URL.canParse(origin)) return false;
    const { host: originHost } = new URL(origin);
    return originHost === host || originHost === new URL(this.addresses.httpUrl()).host;
  }

  private check(): void {
    for (const socket of this.#sockets) {
      if (this.#silent.has(socket)) {
        socket.terminate();
        continue;
      }
      this.#silent.add(socket);
      socket.ping();
    }
    this.live.recoverAll();
  }
}

function parseJson(data: RawData): unknown {
  try {
    return JSON.parse(data.toString());
  } catch {
    return undefined;
  }
}
