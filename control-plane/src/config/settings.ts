import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SartorError } from "@sartor/shared/errors";
import { type OidcSettings, oidcSettings } from "./oidc-settings.js";
import { type Environment, SettingsReader } from "./settings-reader.js";

/** How much is logged: each level includes the ones before it. */
export const LOG_LEVELS = ["error", "warn", "log", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** How the control plane may reach an external broker; devices only ever speak TLS. */
const MQTT_PROTOCOLS = ["mqtt:", "mqtts:"] as const;

const GIBIBYTE = 1024 ** 3;

/**
 * Every setting of the control plane. The name in front of each comment is its environment variable.
 * This folder is the only reader of the environment.
 */
export class Settings {
  /** `SARTOR_STATE_DIR`: folder of all state (database, blobs, operator token). */
  readonly stateDir: string;
  /** `SARTOR_HTTP_HOST`: address that the operators' HTTP listens on; loopback unless told otherwise. */
  readonly httpHost: string;
  /** `SARTOR_HTTP_PORT`: port of the operators' HTTP; 0 takes any free one. */
  readonly httpPort: number;
  /** `SARTOR_HTTP_MAX_CONNECTIONS`: most HTTP and WebSocket connections at once. */
  readonly httpMaxConnections: number;
  /** `SARTOR_TRUST_PROXY`: believe `X-Forwarded-*`; only behind a proxy that sets them. */
  readonly trustProxy: boolean;
  /** `SARTOR_DEVICE_HOST`: address that the devices' HTTPS listens on. */
  readonly deviceHost: string;
  /** `SARTOR_DEVICE_PORT`: port of the devices' HTTPS; 0 takes any free one. */
  readonly devicePort: number;
  /** `SARTOR_DEVICE_MAX_CONNECTIONS`: most connections to it at once. */
  readonly deviceMaxConnections: number;
  /** `SARTOR_CONNECTIONS_PER_MINUTE`: connections that one address may open in a minute, to the devices' HTTPS and to the broker each. */
  readonly connectionsPerMinute: number;
  /** `SARTOR_HANDSHAKES_PER_ADDRESS`: TLS handshakes that one address may have under way. */
  readonly handshakesPerAddress: number;
  /** `SARTOR_MQTT_HOST`: address that the embedded broker listens on. */
  readonly mqttHost: string;
  /** `SARTOR_MQTT_PORT`: port of the embedded broker (TLS); 0 takes any free one. */
  readonly mqttPort: number;
  /** `SARTOR_MQTT_MAX_CONNECTIONS`: most connections that the embedded broker holds at once. */
  readonly mqttMaxConnections: number;
  /** `SARTOR_MQTT_PACKETS_PER_MINUTE`: packets of one device that the embedded broker reads in a minute; more wait. */
  readonly mqttPacketsPerMinute: number;
  /** `SARTOR_MQTT_PACKETS_PER_ADDRESS_MINUTE`: the same for all devices of one address together. */
  readonly mqttPacketsPerAddressMinute: number;
  /** `SARTOR_MQTT_CA_FILE`: certificates that an external broker is trusted by, PEM; Sartor's own root by default. */
  readonly externalMqttCaFile: string | undefined;
  /** `SARTOR_MQTT_URL`: address of an external broker; when set, no broker is embedded. */
  readonly externalMqttUrl: string | undefined;
  /** `SARTOR_MQTT_USERNAME`: the control plane's account on the external broker. */
  readonly externalMqttUsername: string | undefined;
  /** `SARTOR_MQTT_PASSWORD` or `SARTOR_MQTT_PASSWORD_FILE`: its password. */
  readonly externalMqttPassword: string | undefined;
  /** `SARTOR_PUBLIC_HTTP_URL`: address under which people reach HTTP. */
  readonly publicHttpUrl: string | undefined;
  /** `SARTOR_PUBLIC_DEVICE_URL`: address (https) under which devices reach their HTTPS; by default the one they enrolled through. */
  readonly publicDeviceUrl: string | undefined;
  /** `SARTOR_PUBLIC_MQTT_URL`: address (mqtts) under which devices reach the broker; by default its port on that same host. */
  readonly publicMqttUrl: string | undefined;
  /** `SARTOR_TLS_NAMES`: further names and addresses that devices reach this server under, separated by commas. */
  readonly tlsNames: readonly string[];
  /** `SARTOR_CA_ROOT_FILE`, `SARTOR_CA_INTERMEDIATE_FILE`, `SARTOR_CA_INTERMEDIATE_KEY_FILE`: an authority of your own, PEM; all or none. */
  readonly ownAuthority: OwnAuthorityFiles | undefined;
  /** `SARTOR_CERTIFICATE_DAYS`: life of a device's certificate, days. */
  readonly certificateDays: number;
  /** `SARTOR_CERTIFICATE_OFFLINE_DAYS`: the same for devices of sites that are offline for long, days. */
  readonly certificateOfflineDays: number;
  /** `SARTOR_CERTIFICATE_GRACE_DAYS`: how long after its end a certificate can be renewed still, days. */
  readonly certificateGraceDays: number;
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
  /** `SARTOR_ENROLMENTS_PER_MINUTE`: enrolment and late renewal attempts that one address may make in a minute. */
  readonly enrolmentsPerMinute: number;
  /** `SARTOR_PENDING_ENROLMENTS`: devices that may wait to be claimed at once; 0 lets none wait. */
  readonly pendingEnrolments: number;
  /** `SARTOR_BUILD_MEMORY_BYTES`: most memory that a process which builds variants may take, bytes (held on Linux). */
  readonly buildMemoryBytes: number;
  /** `SARTOR_BUILD_TIME_SECONDS`: longest time of one build of variants, s. */
  readonly buildTimeSeconds: number;
  /** `SARTOR_BUILDS_AT_ONCE`: builds that run at the same time, each in a process of its own. */
  readonly buildsAtOnce: number;
  /** `SARTOR_BUILD_AUTOMATICALLY`: build the variants of each new version of a model that has datasets. */
  readonly buildAutomatically: boolean;
  /** `SARTOR_DELTA_STORE_BYTES`: most that differences between files may take together, bytes; 0 makes and offers none. */
  readonly deltaStoreBytes: number;
  /** `SARTOR_DELTA_MEMORY_BYTES`: most memory that the process which makes a difference may take, bytes (held on Linux). */
  readonly deltaMemoryBytes: number;
  /** `SARTOR_DELTA_TIME_SECONDS`: longest time of making one difference, s. */
  readonly deltaTimeSeconds: number;

  /** `SARTOR_AUDIT_RETENTION_DAYS`: how long entries of the audit log are kept, days, 30 or more; 0 where it is not set: for ever. */
  readonly auditRetentionDays: number;
  /**
   * `SARTOR_DIRECTOR_EXPIRY_DAYS`: how long a device's signed order holds, days. More than 7 is for sites that are offline for long:
   * whoever keeps a device from newer orders can do so for as long.
   */
  readonly directorExpiryDays: number;

  /** `SARTOR_SESSION_IDLE_MINUTES`: a login that was not used for so long ends, min. */
  readonly sessionIdleMinutes: number;
  /** `SARTOR_SESSION_HOURS`: a login ends after this time however much it is used, h. */
  readonly sessionHours: number;
  /** `SARTOR_LOGINS_PER_MINUTE`: login attempts of one address, and for one user name, in a minute. */
  readonly loginsPerMinute: number;
  /** `SARTOR_OPERATOR_TOKEN_ALWAYS`: the operator token counts even where an admin has disabled it: to get in again. */
  readonly operatorTokenAlways: boolean;
  /**
   * `SARTOR_OIDC_ISSUER`, `SARTOR_OIDC_CLIENT_ID`, `SARTOR_OIDC_CLIENT_SECRET` (or `_FILE`), `SARTOR_OIDC_SCOPE`, `SARTOR_OIDC_ROLE_CLAIM`,
   * `SARTOR_OIDC_ROLES`: login at an identity provider; the first two switch it on.
   */
  readonly oidc: OidcSettings | undefined;

  constructor(read: SettingsReader) {
    this.stateDir = read.path("SARTOR_STATE_DIR", ".sartor/control-plane");
    this.httpHost = read.text("SARTOR_HTTP_HOST", "127.0.0.1");
    this.httpPort = read.integer("SARTOR_HTTP_PORT", 7300, 0, 65_535);
    this.httpMaxConnections = read.integer("SARTOR_HTTP_MAX_CONNECTIONS", 20_000, 1, 1_000_000);
    this.trustProxy = read.boolean("SARTOR_TRUST_PROXY", false);
    this.deviceHost = read.text("SARTOR_DEVICE_HOST", "127.0.0.1");
    this.devicePort = read.integer("SARTOR_DEVICE_PORT", 8443, 0, 65_535);
    this.deviceMaxConnections = read.integer("SARTOR_DEVICE_MAX_CONNECTIONS", 20_000, 1, 1_000_000);
    this.connectionsPerMinute = read.integer("SARTOR_CONNECTIONS_PER_MINUTE", 12_000, 1, 10_000_000);
    this.handshakesPerAddress = read.integer("SARTOR_HANDSHAKES_PER_ADDRESS", 256, 1, 1_000_000);
    this.mqttHost = read.text("SARTOR_MQTT_HOST", "127.0.0.1");
    this.mqttPort = read.integer("SARTOR_MQTT_PORT", 8883, 0, 65_535);
    this.mqttMaxConnections = read.integer("SARTOR_MQTT_MAX_CONNECTIONS", 20_000, 1, 1_000_000);
    this.mqttPacketsPerMinute = read.integer("SARTOR_MQTT_PACKETS_PER_MINUTE", 1_200, 10, 10_000_000);
    this.mqttPacketsPerAddressMinute = read.integer(
      "SARTOR_MQTT_PACKETS_PER_ADDRESS_MINUTE",
      240_000,
      10,
      1_000_000_000,
    );
    this.externalMqttCaFile = read.optionalText("SARTOR_MQTT_CA_FILE");
    this.externalMqttUrl = read.optionalUrl("SARTOR_MQTT_URL", MQTT_PROTOCOLS);
    this.externalMqttUsername = read.optionalText("SARTOR_MQTT_USERNAME");
    this.externalMqttPassword = read.optionalSecret("SARTOR_MQTT_PASSWORD");
    this.publicHttpUrl = read.optionalUrl("SARTOR_PUBLIC_HTTP_URL", ["http:", "https:"]);
    this.publicDeviceUrl = read.optionalUrl("SARTOR_PUBLIC_DEVICE_URL", ["https:"]);
    this.publicMqttUrl = publicMqttUrl(read, this.externalMqttUrl);
    this.tlsNames = read.list("SARTOR_TLS_NAMES", /^[A-Za-z0-9.:_-]{1,253}$/, 32);
    this.ownAuthority = ownAuthority(read);
    this.certificateDays = read.integer("SARTOR_CERTIFICATE_DAYS", 30, 1, 180);
    this.certificateOfflineDays = read.integer("SARTOR_CERTIFICATE_OFFLINE_DAYS", 180, 1, 180);
    this.certificateGraceDays = read.integer("SARTOR_CERTIFICATE_GRACE_DAYS", 30, 0, 365);
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
    this.pendingEnrolments = read.integer("SARTOR_PENDING_ENROLMENTS", 1_000, 0, 100_000);
    this.buildMemoryBytes = read.integer("SARTOR_BUILD_MEMORY_BYTES", 4 * GIBIBYTE, GIBIBYTE / 32, 1024 * GIBIBYTE);
    this.buildTimeSeconds = read.integer("SARTOR_BUILD_TIME_SECONDS", 3_600, 1, 604_800);
    this.buildsAtOnce = read.integer("SARTOR_BUILDS_AT_ONCE", 1, 1, 64);
    this.deltaStoreBytes = read.integer("SARTOR_DELTA_STORE_BYTES", 2 * GIBIBYTE, 0, 1024 * GIBIBYTE);
    this.deltaMemoryBytes = read.integer("SARTOR_DELTA_MEMORY_BYTES", GIBIBYTE / 2, GIBIBYTE / 32, 1024 * GIBIBYTE);
    this.deltaTimeSeconds = read.integer("SARTOR_DELTA_TIME_SECONDS", 300, 1, 86_400);
    this.auditRetentionDays = read.integer("SARTOR_AUDIT_RETENTION_DAYS", 0, 30, 36_500);
    this.directorExpiryDays = read.integer("SARTOR_DIRECTOR_EXPIRY_DAYS", 7, 1, 90);
    this.sessionIdleMinutes = read.integer("SARTOR_SESSION_IDLE_MINUTES", 480, 1, 43_200);
    this.sessionHours = read.integer("SARTOR_SESSION_HOURS", 168, 1, 8_760);
    this.loginsPerMinute = read.integer("SARTOR_LOGINS_PER_MINUTE", 10, 1, 100_000);
    this.operatorTokenAlways = read.boolean("SARTOR_OPERATOR_TOKEN_ALWAYS", false);
    this.oidc = oidcSettings(read);
    this.buildAutomatically = read.boolean("SARTOR_BUILD_AUTOMATICALLY", true);
  }
}

/** Where the certificates of an authority are that was made elsewhere; the root's key stays there. */
export interface OwnAuthorityFiles {
  readonly root: string;
  readonly intermediate: string;
  readonly intermediateKey: string;
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

/** Devices speak TLS only: the address of an external broker is theirs too only if it does. */
function publicMqttUrl(read: SettingsReader, externalMqttUrl: string | undefined): string | undefined {
  const url = read.optionalUrl("SARTOR_PUBLIC_MQTT_URL", ["mqtts:"]);
  if (url === undefined && externalMqttUrl !== undefined && !externalMqttUrl.startsWith("mqtts:")) {
    throw new SartorError(
      "SRT_CONFIG_INVALID",
      "SARTOR_PUBLIC_MQTT_URL must be set: devices reach the broker over TLS, and SARTOR_MQTT_URL starts with mqtt://.",
      { details: { setting: "SARTOR_PUBLIC_MQTT_URL" } },
    );
  }
  return url;
}

function ownAuthority(read: SettingsReader): OwnAuthorityFiles | undefined {
  const root = read.optionalText("SARTOR_CA_ROOT_FILE");
  const intermediate = read.optionalText("SARTOR_CA_INTERMEDIATE_FILE");
  const intermediateKey = read.optionalText("SARTOR_CA_INTERMEDIATE_KEY_FILE");
  if (root !== undefined && intermediate !== undefined && intermediateKey !== undefined) {
    return { root, intermediate, intermediateKey };
  }
  if (root === undefined && intermediate === undefined && intermediateKey === undefined) return undefined;
  throw new SartorError(
    "SRT_CONFIG_INVALID",
    "SARTOR_CA_ROOT_FILE, SARTOR_CA_INTERMEDIATE_FILE and SARTOR_CA_INTERMEDIATE_KEY_FILE must be set together.",
    { details: { setting: "SARTOR_CA_ROOT_FILE" } },
  );
}
