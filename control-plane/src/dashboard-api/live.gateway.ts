import type { IncomingMessage } from "node:http";
import { Logger, type OnModuleDestroy } from "@nestjs/common";
import { type OnGatewayConnection, WebSocketGateway } from "@nestjs/websockets";
import type { LiveEvent } from "@sartor/shared/protocol";
import type { RawData, WebSocket } from "ws";
import { z } from "zod";
import { Credentials, isSameScope } from "../auth/index.js";
import { PublicAddresses, Settings } from "../config/index.js";
import { EventBus } from "../events/index.js";
import type { Person } from "../http/index.js";
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

/** A token, or what proves that a page with a cookie is ours. */
const authenticateSchema = z.union([
  z.object({ type: z.literal("authenticate"), token: z.string().max(512) }),
  z.object({ type: z.literal("authenticate"), csrf: z.string().max(512) }),
]);

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
  /** Who is at the other end. */
  readonly #people = new Map<WebSocket, Person>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly credentials: Credentials,
    private readonly live: LiveEvents,
    private readonly addresses: PublicAddresses,
    private readonly settings: Settings,
    events: EventBus,
  ) {
    events.on("person.access_ended", (ended) => {
      for (const [socket, person] of this.#people) {
        const theirs =
          "personId" in ended ? person.personId === ended.personId : person.credentialId === ended.credentialId;
        // A user's other sessions may hold still.
        if (theirs) void this.closeUnlessHolds(socket, person);
      }
    });
    events.on("person.access_changed", ({ personId }) => {
      for (const [socket, person] of this.#people) {
        if (person.personId === personId) void this.closeUnlessHolds(socket, person);
      }
    });
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
      void this.authenticate(socket, data, request.headers.cookie);
    });
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.close(1001, "the control plane stops");
  }

  private async authenticate(socket: WebSocket, data: RawData, cookie: string | undefined): Promise<void> {
    const message = authenticateSchema.safeParse(parseJson(data));
    const person = message.success ? await this.personOf(message.data, cookie) : undefined;
    if (person === undefined) {
      socket.close(POLICY, "the first message must authenticate");
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
    this.#people.set(socket, person);
    socket.once("close", () => {
      this.#clients -= 1;
      this.#people.delete(socket);
    });
    // Its access may have ended while it was being looked up.
    void this.closeUnlessHolds(socket, person);
    const client = new LiveClient(socket, person.groups);
    socket.send(JSON.stringify({ type: "ready" } satisfies LiveEvent));
    const leave = this.live.join(client);
    socket.once("close", leave);
    this.#logger.debug(`A live client joined (${this.#clients} of them).`);
  }

  /** Who that is; undefined for nobody who may watch. Watching shows all parts, so a token that is limited to some may not. */
  private async personOf(
    message: z.infer<typeof authenticateSchema>,
    cookie: string | undefined,
  ): Promise<Person | undefined> {
    try {
      const person = await ("token" in message
        ? this.credentials.identifyToken(message.token)
        : this.credentials.identifyPage(cookie, message.csrf));
      return person.scopes === null ? person : undefined;
    } catch (error) {
      this.#logger.debug(`A live client was refused: ${error instanceof Error ? error.message : error}`);
      return undefined;
    }
  }

  private async closeUnlessHolds(socket: WebSocket, person: Person): Promise<void> {
    // Where the database does not answer, nothing is known: the next check asks again.
    const now = await this.credentials.current(person).catch(() => person);
    if (now === undefined) socket.close(POLICY, "the session is over");
    // It has shown what it may not show any more, or the other way round: the client begins anew.
    else if (!isSameScope(now.groups, person.groups)) socket.close(TRY_LATER, "other groups of devices may be seen");
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
      const person = this.#people.get(socket);
      if (person !== undefined) void this.closeUnlessHolds(socket, person);
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
