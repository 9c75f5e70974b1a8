import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SartorError } from "@sartor/shared/errors";
import { type Environment, SettingsReader } from "./settings-reader.js";

/** How much is logged: each level includes the ones before it. */
export const LOG_LEVELS = ["error", "warn", "log", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What agents speak: devices are told either address. */
const MQTT_PROTOCOLS = ["mqtt:", "mqtts:"] as const;

const GIBIBYTE = 1024 ** 3;

/**
 * Every setting of the control plane. The name in front of each comment is its environment variable.
 * This folder is the only reader of the environment.
 */
export class Settings {
  /** `SARTOR_STATE_DIR`: folder of all state (database, blobs, operator token). */
  readonly stateDir: string;
  /** `SARTOR_HTTP_HOST`: address that HTTP listens on; loopback unless told otherwise. */
  readonly httpHost: string;
  /** `SARTOR_HTTP_PORT`: port of HTTP; 0 takes any free one. */
  readonly httpPort: number;
  /** `SARTOR_HTTP_MAX_CONNECTIONS`: most HTTP and WebSocket connections at once. */
  readonly httpMaxConnections: number;
  /** `SARTOR_TRUST_PROXY`: believe `X-Forwarded-*`; only behind a proxy that sets them. */
  readonly trustProxy: boolean;
  /** `SARTOR_MQTT_HOST`: address that the embedded broker listens on. */
  readonly mqttHost: string;
  /** `SARTOR_MQTT_PORT`: port of the embedded broker; 0 takes any free one. */
  readonly mqttPort: number;
  /** `SARTOR_MQTT_MAX_CONNECTIONS`: most connections that the embedded broker holds at once. */
  readonly mqttMaxConnections: number;
  /** `SARTOR_MQTT_URL`: address of an external broker; when set, no broker is embedded. */
  readonly externalMqttUrl: string | undefined;
  /** `SARTOR_MQTT_USERNAME`: the control plane's account on the external broker. */
  readonly externalMqttUsername: string | undefined;
  /** `SARTOR_MQTT_PASSWORD` or `SARTOR_MQTT_PASSWORD_FILE`: its password. */
  readonly externalMqttPassword: string | undefined;
  /** `SARTOR_PUBLIC_HTTP_URL`: address under which devices reach HTTP; by default the one they enrolled through. */
  readonly publicHttpUrl: string | undefined;
  /** `SARTOR_PUBLIC_MQTT_URL`: address under which devices reach the broker; by default its port on that same host. */
  readonly publicMqttUrl: string | undefined;
  /** `SARTOR_DATABASE_URL` (or `_FILE`): `sqlite:<path>` or `postgres://...`; a file in the state folder by default. */
  readonly databaseUrl: string;
  /** `SARTOR_BLOB_DIR`: folder of the blob store. */
  readonly blobDir: string;
  /** `SARTOR_DASHBOARD_DIR`: folder with the built dashboard. */
  readonly dashboardDir: string;
  /** `SARTOR_LOG_LEVEL`: error, warn, log or debug. */
  readonly logLevel: LogLevel;
  /** `SARTOR_LOG_FORMAT`: text for people, json for collectors. */
  readonly logFormat: "text" | "json";
  /** `SARTOR_WRITE_BEHIND_MS`: longest wait before messages of devices are committed together, ms. Acknowledgements wait for it. */
  readonly writeBehindMs: number;
  /** `SARTOR_TELEMETRY_WINDOW_SECONDS`: length of a device's telemetry window, s. */
  readonly telemetryWindowSeconds: number;
  /** `SARTOR_TELEMETRY_RETENTION_DAYS`: how long telemetry windows are kept, days. */
  readonly telemetryRetentionDays: number;
  /** `SARTOR_ENROLMENTS_PER_MINUTE`: enrolment attempts that one address may make in a minute. */
  readonly enrolmentsPerMinute: number;
  /** `SARTOR_BUILD_MEMORY_BYTES`: most memory that a process which builds variants may take, bytes (held on Linux). */
  readonly buildMemoryBytes: number;
  /** `SARTOR_BUILD_TIME_SECONDS`: longest time of one build of variants, s. */
  readonly buildTimeSeconds: number;
  /** `SARTOR_BUILDS_AT_ONCE`: builds that run at the same time, each in a process of its own. */
  readonly buildsAtOnce: number;
  /** `SARTOR_BUILD_AUTOMATICALLY`: build the variants of each new version of a model that has datasets. */
  readonly buildAutomatically: boolean;

  constructor(read: SettingsReader) {
    this.stateDir = read.path("SARTOR_STATE_DIR", ".sartor/control-plane");
    this.httpHost = read.text("SARTOR_HTTP_HOST", "127.0.0.1");
    this.httpPort = read.integer("SARTOR_HTTP_PORT", 7300, 0, 65_535);
    this.httpMaxConnections = read.integer("SARTOR_HTTP_MAX_CONNECTIONS", 20_000, 1, 1_000_000);
    this.trustProxy = read.boolean("SARTOR_TRUST_PROXY", false);
    this.mqttHost = read.text("SARTOR_MQTT_HOST", "127.0.0.1");
    this.mqttPort = read.integer("SARTOR_MQTT_PORT", 7883, 0, 65_535);
    this.mqttMaxConnections = read.integer("SARTOR_MQTT_MAX_CONNECTIONS", 20_000, 1, 1_000_000);
    this.externalMqttUrl = read.optionalUrl("SARTOR_MQTT_URL", MQTT_PROTOCOLS);
    this.externalMqttUsername = read.optionalText("SARTOR_MQTT_USERNAME");
    this.externalMqttPassword = read.optionalSecret("SARTOR_MQTT_PASSWORD");
    this.publicHttpUrl = read.optionalUrl("SARTOR_PUBLIC_HTTP_URL", ["http:", "https:"]);
    this.publicMqttUrl = read.optionalUrl("SARTOR_PUBLIC_MQTT_URL", MQTT_PROTOCOLS);
    this.databaseUrl = databaseUrl(read, this.stateDir);
    this.blobDir = read.path("SARTOR_BLOB_DIR", join(this.stateDir, "blobs"));
    this.dashboardDir = read.path(
      "SARTOR_DASHBOARD_DIR",
      fileURLToPath(new URL("../../dashboard/dist/site", import.meta.url)),
    );
    this.logLevel = read.choice("SARTOR_LOG_LEVEL", "log", LOG_LEVELS);
    this.logFormat = read.choice("SARTOR_LOG_FORMAT", "text", ["text", "json"]);
    // An external broker's messages come one after the other, each waiting for the commit of the one before: do not wait
    // for company then.
    const writeBehindMs = this.externalMqttUrl === undefined ? 20 : 0;
    this.writeBehindMs = read.integer("SARTOR_WRITE_BEHIND_MS", writeBehindMs, 0, 10_000);
    this.telemetryWindowSeconds = read.integer("SARTOR_TELEMETRY_WINDOW_SECONDS", 60, 1, 86_400);
    this.telemetryRetentionDays = read.integer("SARTOR_TELEMETRY_RETENTION_DAYS", 30, 1, 3_650);
    this.enrolmentsPerMinute = read.integer("SARTOR_ENROLMENTS_PER_MINUTE", 60, 1, 1_000_000);
    this.buildMemoryBytes = read.integer("SARTOR_BUILD_MEMORY_BYTES", 4 * GIBIBYTE, GIBIBYTE / 32, 1024 * GIBIBYTE);
    this.buildTimeSeconds = read.integer("SARTOR_BUILD_TIME_SECONDS", 3_600, 1, 604_800);
    this.buildsAtOnce = read.integer("SARTOR_BUILDS_AT_ONCE", 1, 1, 64);
    this.buildAutomatically = read.boolean("SARTOR_BUILD_AUTOMATICALLY", true);
  }
}

/**
 * Reads all settings.
 *
 * @throws SartorError SRT_CONFIG_INVALID naming the setting and what is wrong with it
 */
export function loadSettings(environment: Environment = process.env): Settings {
  return new Settings(new SettingsReader(environment));
}

function databaseUrl(read: SettingsReader, stateDir: string): string {
  const text = read.optionalSecret("SARTOR_DATABASE_URL") ?? `sqlite:${join(stateDir, "control-plane.sqlite")}`;
  if (!/^(sqlite:.+|postgres(ql)?:\/\/.+)/.test(text)) {
    throw new SartorError(
      "SRT_CONFIG_INVALID",
      "SARTOR_DATABASE_URL must be sqlite:<path> or an address that starts with postgres://.",
      { details: { setting: "SARTOR_DATABASE_URL" } },
    );
  }
  return text;
}
