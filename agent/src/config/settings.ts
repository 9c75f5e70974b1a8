import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { hardwareIdSchema } from "@sartor/shared/protocol";
import { z } from "zod";

const port = z.coerce.number().int().min(0).max(65_535);
/** Words with commas between them. */
const hardwareIds = z
  .string()
  .transform((text) => text.split(",").map((word) => word.trim()))
  .pipe(z.array(hardwareIdSchema).min(1).max(8));
/** SHA-256 of a certificate as `sartor ca` says it (base64url), or in hex, with or without colons as openssl says it; becomes base64url. */
const certificateFingerprint = z
  .string()
  .regex(
    /^([A-Za-z0-9_-]{43}|[0-9A-Fa-f]{64}|([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2})$/,
    "expected a SHA-256, base64url or hex",
  )
  .transform((text) =>
    text.length === 43 ? text : Buffer.from(text.replaceAll(":", ""), "hex").toString("base64url"),
  );
const httpsAddresses = z
  .string()
  .transform((text) => text.split(",").map((word) => word.trim()))
  .pipe(
    z
      .array(z.url({ protocol: /^https$/, error: "expected https addresses" }))
      .min(1)
      .max(4),
  );
const seconds = (minimum: number, maximum: number) => z.coerce.number().int().min(minimum).max(maximum);

/**
 * Every setting of the agent: its environment variable, its meaning and its default. A secret may also come from a file,
 * named by the same variable with `_FILE` behind it.
 */
const SETTINGS = {
  /** Folder that holds all the agent's state: identity, database, slots. */
  SARTOR_AGENT_STATE_DIR: z.string().min(1).default("/var/lib/sartor-agent"),
  /** Base address of the control plane's port for devices; needed for enrolment only. */
  SARTOR_CONTROL_PLANE_URL: z.url({ protocol: /^https$/, error: "expected an https address" }).optional(),
  /** One-time token; needed for enrolment only. */
  SARTOR_ENROLMENT_TOKEN: z.string().min(16).max(256).optional(),
  /** SHA-256 of the control plane's root certificate; in a token's place: the device waits until it is claimed. For enrolment only. */
  SARTOR_CA_FINGERPRINT: certificateFingerprint.optional(),
  /** Name that people read. */
  SARTOR_DEVICE_NAME: z.string().min(1).max(256).optional(),
  /** Kinds of hardware that this device is, the most special one first: a product's own name, then what bundles are made for. */
  SARTOR_HARDWARE: hardwareIds.optional(),
  /** Address that the inference endpoint listens on. */
  SARTOR_INFERENCE_HOST: z.string().min(1).default("127.0.0.1"),
  /** Port of the inference endpoint; 0 takes any free one. */
  SARTOR_INFERENCE_PORT: port.default(7400),
  /** Inventory file of an emulated device, made from a firmware profile. */
  SARTOR_EMULATED_INVENTORY: z.string().min(1).optional(),
  /** How often the hardware is looked at again, s. */
  SARTOR_INVENTORY_INTERVAL_S: seconds(5, 86_400).default(300),
  /** Most that downloads of bundles take together, bytes a second; no limit by default. */
  SARTOR_DOWNLOAD_BYTES_PER_S: z.coerce.number().int().min(16_384).max(1_000_000_000_000).optional(),
  /** Neighbours that cache for this site, https addresses with commas between: asked before the control plane, in this order. */
  SARTOR_SITE_CACHES: httpsAddresses.optional(),
  /** Port on which this device caches for its neighbours; it does not by default, and 0 takes any free one. */
  SARTOR_SITE_CACHE_PORT: port.optional(),
  /** Address that the site cache listens on. */
  SARTOR_SITE_CACHE_HOST: z.string().min(1).default("0.0.0.0"),
  /** Most that the site cache keeps besides what is installed, bytes. */
  SARTOR_SITE_CACHE_BYTES: z.coerce.number().int().min(16_777_216).max(1_099_511_627_776).default(1_073_741_824),
  /** Pieces of a bundle that are fetched at the same time. */
  SARTOR_DOWNLOADS_AT_ONCE: z.coerce.number().int().min(1).max(8).default(4),
  /** Telemetry windows and other messages kept while offline, bytes. */
  SARTOR_OUTBOX_BYTES: z.coerce.number().int().min(65_536).max(1_073_741_824).default(33_554_432),
  /** Set by the supervisor that started this agent, and waits to hear that it has proved itself. */
  SARTOR_SUPERVISED: z.enum(["provisional", "committed"]).optional(),
  /** debug, info, warn or error. */
  SARTOR_LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
} as const;

/** Variables that the runtime child gets from the agent's environment: where GPU libraries lie and which GPU to use. No secret passes. */
const RUNTIME_VARIABLES = ["LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_CACHE_PATH"] as const;

const SECRETS: readonly (keyof typeof SETTINGS)[] = ["SARTOR_ENROLMENT_TOKEN"];

/** The agent's settings, read and checked. */
export interface AgentSettings {
  readonly stateFolder: string;
  readonly controlPlaneUrl: string | undefined;
  readonly enrolmentToken: string | undefined;
  /** Base64url. */
  readonly authorityFingerprint: string | undefined;
  readonly deviceName: string;
  /** The most special one first; undefined: what the processor says. */
  readonly hardware: readonly string[] | undefined;
  readonly inferenceHost: string;
  readonly inferencePort: number;
  readonly emulatedInventory: string | undefined;
  readonly inventoryIntervalMs: number;
  /** Undefined: no limit. */
  readonly downloadBytesPerSecond: number | undefined;
  readonly downloadsAtOnce: number;
  /** Addresses of neighbours that cache. */
  readonly siteCaches: readonly string[];
  /** Undefined: this device caches for nobody. */
  readonly siteCache: { readonly host: string; readonly port: number; readonly maximumBytes: number } | undefined;
  readonly outboxBytes: number;
  /** A supervisor waits to hear that this agent has proved itself. */
  readonly isProvisional: boolean;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** Environment of the runtime child. */
  readonly runtimeEnvironment: Readonly<Record<string, string>>;
}

/**
 * Reads the settings from an environment.
 *
 * @throws SartorError SRT_CONFIG_INVALID naming every bad setting and its rule
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>> = process.env): AgentSettings {
  const raw: Record<string, string | undefined> = {};
  for (const name of Object.keys(SETTINGS)) raw[name] = environment[name] || undefined;
  for (const name of SECRETS) raw[name] ??= readSecretFile(name, environment[`${name}_FILE`]);
  const result = z.object(SETTINGS).safeParse(raw);
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new SartorError("SRT_CONFIG_INVALID", `These settings cannot be used: ${problems.join("; ")}.`, {
      details: { problems },
    });
  }
  const values = result.data;
  return {
    stateFolder: resolve(values.SARTOR_AGENT_STATE_DIR),
    controlPlaneUrl: values.SARTOR_CONTROL_PLANE_URL,
    enrolmentToken: values.SARTOR_ENROLMENT_TOKEN,
    authorityFingerprint: values.SARTOR_CA_FINGERPRINT,
    deviceName: values.SARTOR_DEVICE_NAME ?? hostname(),
    hardware: values.SARTOR_HARDWARE,
    inferenceHost: values.SARTOR_INFERENCE_HOST,
    inferencePort: values.SARTOR_INFERENCE_PORT,
    emulatedInventory: values.SARTOR_EMULATED_INVENTORY,
    inventoryIntervalMs: values.SARTOR_INVENTORY_INTERVAL_S * 1000,
    downloadBytesPerSecond: values.SARTOR_DOWNLOAD_BYTES_PER_S,
    downloadsAtOnce: values.SARTOR_DOWNLOADS_AT_ONCE,
    siteCaches: values.SARTOR_SITE_CACHES ?? [],
    siteCache:
      values.SARTOR_SITE_CACHE_PORT === undefined
        ? undefined
        : {
            host: values.SARTOR_SITE_CACHE_HOST,
            port: values.SARTOR_SITE_CACHE_PORT,
            maximumBytes: values.SARTOR_SITE_CACHE_BYTES,
          },
    isProvisional: values.SARTOR_SUPERVISED === "provisional",
    outboxBytes: values.SARTOR_OUTBOX_BYTES,
    logLevel: values.SARTOR_LOG_LEVEL,
    runtimeEnvironment: Object.fromEntries(
      RUNTIME_VARIABLES.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])),
    ),
  };
}

function readSecretFile(name: string, path: string | undefined): string | undefined {
  if (!path) return undefined;
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new SartorError("SRT_CONFIG_INVALID", `The file ${path} that ${name}_FILE names cannot be read.`, { cause });
  }
}
