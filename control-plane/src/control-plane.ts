import { ConsoleLogger } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { NestFastifyApplication } from "@nestjs/platform-fastify";
import { WsAdapter } from "@nestjs/platform-ws";
import { SartorError } from "@sartor/shared/errors";
import type { FastifyInstance } from "fastify";
import { AppModule } from "./app.module.js";
import { DeviceHttps, OperatorToken } from "./auth/index.js";
import { type Clock, LOG_LEVELS, PublicAddresses, type Settings, VERSION } from "./config/index.js";
import { createHttpAdapter, Metrics, prepareHttp, serveDashboard, serveOpenApi } from "./http/index.js";
import { IngestService } from "./ingest/index.js";

/** A running control plane. */
export interface ControlPlane {
  /** The operators' address. */
  readonly httpUrl: string;
  /** The devices' address. */
  readonly deviceUrl: string;
  readonly mqttUrl: string;
  readonly operatorToken: string;
  /** The Nest application, for programs that run the control plane inside their own process. */
  readonly app: NestFastifyApplication;
  /** Ends in order: no new work, write what waits, close the broker, HTTP and the database. */
  stop(): Promise<void>;
}

/**
 * Starts the control plane: database, then broker, then HTTP.
 *
 * @throws SartorError SRT_CONFIG_INVALID when a setting cannot be used
 */
export async function startControlPlane(settings: Settings, clock?: Clock): Promise<ControlPlane> {
  const adapter = createHttpAdapter({
    trustProxy: settings.trustProxy,
    maximumConnections: settings.httpMaxConnections,
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(settings, clock), adapter, {
    logger: createLogger(settings),
    bodyParser: false,
    abortOnError: false,
  });
  try {
    const fastify = adapter.getInstance() as unknown as FastifyInstance;
    prepareHttp(fastify, app.get(Metrics));
    app.useWebSocketAdapter(new WsAdapter(app));
    serveOpenApi(app, VERSION);
    await serveDashboard(fastify, settings.dashboardDir);
    const addresses = app.get(PublicAddresses);
    await app.init();
    // Every module is ready and the desired states are in place: let devices in, then people.
    await app.get(IngestService).listen();
    await app.get(DeviceHttps).listen();
    await app.listen(settings.httpPort, settings.httpHost);
    const address = app.getHttpServer().address();
    if (address !== null && typeof address === "object") addresses.httpListens(address.port);
    return {
      httpUrl: addresses.httpUrl(),
      deviceUrl: addresses.deviceUrl(),
      mqttUrl: addresses.mqttUrl(),
      operatorToken: app.get(OperatorToken).value,
      app,
      stop: () => app.close(),
    };
  } catch (error) {
    await app.close().catch(() => undefined);
    throw explain(error);
  }
}

/** The failures of a start that a person can mend: an address that is taken or not ours. */
function explain(error: unknown): unknown {
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const reason = {
    EADDRINUSE: "is taken by another program",
    EACCES: "needs more rights",
    EADDRNOTAVAIL: "is not here",
  }[code ?? ""];
  if (reason === undefined) return error;
  return new SartorError(
    "SRT_CONFIG_INVALID",
    `The address ${address}:${port} ${reason}; choose another with SARTOR_HTTP_HOST, SARTOR_HTTP_PORT, SARTOR_DEVICE_HOST, SARTOR_DEVICE_PORT, SARTOR_MQTT_HOST or SARTOR_MQTT_PORT.`,
    { cause: error },
  );
}

function createLogger(settings: Settings): ConsoleLogger {
  const levels = LOG_LEVELS.slice(0, LOG_LEVELS.indexOf(settings.logLevel) + 1);
  return new ConsoleLogger({
    prefix: "sartor",
    json: settings.logFormat === "json",
    logLevels: ["fatal", ...levels],
    timestamp: false,
  });
}
