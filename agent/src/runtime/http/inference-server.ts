import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { SartorError } from "@sartor/shared/errors";
import { type Clock, type Logger, systemClock } from "../../platform/index.js";
import type { ModelHost } from "../model-host.js";
import { type Answer, errorAnswer, sendAnswer } from "./answer.js";
import { HTTP_LIMITS } from "./http-limits.js";
import { type InferenceObservation, InferenceTimer } from "./observation.js";
import { BodyBudget, checkAnnouncedLength } from "./request-body.js";
import { type Route, type RouteContext, routesAt } from "./routes.js";
import { checkSameSite } from "./same-site.js";

export interface InferenceServerOptions {
  readonly host: ModelHost;
  /** Where to listen; port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly logger: Logger;
  /** Times the requests; the machine's own clock unless given. */
  readonly clock?: Clock;
  /** The agent's version, for the server's metadata. */
  readonly agentVersion?: string;
  /** Called once for each inference request, answered or failed. */
  readonly onInference?: (observation: InferenceObservation) => void;
}

/** The device's local endpoint: the Open Inference Protocol v2 over HTTP, and classification of images. */
export class InferenceServer {
  readonly #options: InferenceServerOptions;
  readonly #context: RouteContext;
  readonly #clock: Clock;
  readonly #server: Server;
  #endpoint: string | undefined;

  constructor(options: InferenceServerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { host, agentVersion = "unknown" } = options;
    this.#context = { host, agentVersion, budget: new BodyBudget(HTTP_LIMITS.bodiesBytes) };
    this.#server = createServer(
      {
        maxHeaderSize: HTTP_LIMITS.headerBytes,
        headersTimeout: HTTP_LIMITS.headersTimeoutMs,
        requestTimeout: HTTP_LIMITS.requestTimeoutMs,
        keepAliveTimeout: HTTP_LIMITS.keepAliveTimeoutMs,
        noDelay: true,
      },
      (request, response) => void this.#serve(request, response, false),
    );
    this.#server.maxConnections = HTTP_LIMITS.connections;
    this.#server.on("checkContinue", (request, response) => void this.#serve(request, response, true));
    this.#server.on("clientError", (error, socket) => refuseMalformed(error, socket as Socket));
  }

  /** Address of the endpoint, as `http://host:port`; undefined before it listens. */
  get endpoint(): string | undefined {
    return this.#endpoint;
  }

  /** Starts to listen and gives the endpoint's address. Rejects when the port is taken. */
  start(): Promise<string> {
    const { host, port } = this.#options.listen;
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        const { address, family, port: taken } = this.#server.address() as AddressInfo;
        this.#endpoint = `http://${family === "IPv6" ? `[${address}]` : address}:${taken}`;
        resolve(this.#endpoint);
      });
    });
  }

  /** Stops to listen, lets requests that run end within `graceMs`, then closes what is left. */
  async stop(graceMs = 5_000): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(timer);
  }

  async #serve(message: IncomingMessage, response: ServerResponse, expectsContinue: boolean): Promise<void> {
    const timer = new InferenceTimer(this.#clock);
    let route: Route | undefined;
    let answer: Answer;
    try {
      route = this.#route(message);
      checkSameSite(message.headers);
      checkAnnouncedLength(message, route.bodyLimit);
      if (expectsContinue) response.writeContinue();
      answer = await route.handle({ message, timer });
      if (route.observed) this.#options.onInference?.(timer.observe());
    } catch (thrown) {
      const error = SartorError.from(thrown);
      if (error.code === "SRT_INTERNAL") this.#options.logger.error("an inference request failed", { error: thrown });
      if (route?.observed) this.#options.onInference?.(timer.observe(error.code));
      answer = errorAnswer(error);
    }
    sendAnswer(message, response, answer);
  }

  #route(message: IncomingMessage): Route {
    const path = (message.url ?? "/").split("?")[0] ?? "/";
    const routes = routesAt(path, this.#context);
    if (routes === undefined) throw new SartorError("SRT_NOT_FOUND", `There is no route ${path.slice(0, 256)}.`);
    const method = message.method === "HEAD" ? "GET" : message.method;
    const route = routes.find((one) => one.method === method);
    if (route !== undefined) return route;
    const allow = routes.map((one) => one.method).join(", ");
    throw new SartorError("SRT_METHOD_NOT_ALLOWED", `This route takes ${allow}.`, { details: { allow } });
  }
}

/** Answers what Node's parser refused: there is no request object, only a socket. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const status =
    error.code === "HPE_HEADER_OVERFLOW"
      ? "431 Request Header Fields Too Large"
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? "408 Request Timeout"
        : "400 Bad Request";
  const body = JSON.stringify({
    error: `The request is not HTTP that can be read: ${status}.`,
    code: "SRT_INVALID_REQUEST",
  });
  const head = `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
  socket.end(`${head}\r\n\r\n${body}`);
}
