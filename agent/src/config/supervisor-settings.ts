import { resolve } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { z } from "zod";

const SETTINGS = z.object({
  /** Folder that holds the agent's releases. Not the agent's own state. */
  SARTOR_SUPERVISOR_DIR: z.string().min(1).default("/var/lib/sartor-supervisor"),
  /** Time that a new release has to prove itself, s. */
  SARTOR_TRIAL_S: z.coerce.number().int().min(10).max(86_400).default(600),
  /** debug, info, warn or error. */
  SARTOR_LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
});

/** The supervisor's settings, read and checked. */
export interface SupervisorSettings {
  readonly folder: string;
  readonly trialMs: number;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** What the agent inherits: its own settings among them. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Reads the settings of the supervisor. @throws SartorError SRT_CONFIG_INVALID naming every bad setting */
export function readSupervisorSettings(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): SupervisorSettings {
  const result = SETTINGS.safeParse(
    Object.fromEntries(Object.keys(SETTINGS.shape).map((name) => [name, environment[name] || undefined])),
  );
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new SartorError("SRT_CONFIG_INVALID", `These settings cannot be used: ${problems.join("; ")}.`);
  }
  const { SARTOR_SUPERVISOR_DIR: folder, SARTOR_TRIAL_S: seconds, SARTOR_LOG_LEVEL: logLevel } = result.data;
  return { folder: resolve(folder), trialMs: seconds * 1_000, logLevel, environment };
}
