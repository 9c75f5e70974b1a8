import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { SartorError } from "@sartor/shared/errors";
import { storedLogin } from "./logins.js";

/** The checkout that this command belongs to. */
export const CHECKOUT = fileURLToPath(new URL("../../../../", import.meta.url));

/** The demo's state folder when none is named. */
export const DEFAULT_STATE_FOLDER = join(CHECKOUT, ".sartor");

/** How the command finds the control plane. */
export interface ConnectionOptions {
  /** Base address of the control plane. */
  readonly url?: string | undefined;
  /** Operator token, API token, or a session's. */
  readonly token?: string | undefined;
  /** State folder of a control plane on this machine, whose token file is read. */
  readonly state?: string | undefined;
}

/** A complete connection. */
export interface Connection {
  readonly url: string;
  readonly token: string;
}

/** The control plane's address: the option, SARTOR_URL, or the demo's. */
export function resolveUrl(options: ConnectionOptions, environment: NodeJS.ProcessEnv = process.env): string {
  return options.url ?? environment.SARTOR_URL ?? "http://127.0.0.1:7300";
}

/**
 * Works out the connection: options first, then SARTOR_URL and SARTOR_OPERATOR_TOKEN, then who logged in with `sartor login`, then the
 * demo's state folder.
 *
 * @throws SartorError SRT_CONFIG_INVALID when no token is to be found
 */
export function resolveConnection(
  options: ConnectionOptions,
  environment: NodeJS.ProcessEnv = process.env,
): Connection {
  const folder = resolve(options.state ?? DEFAULT_STATE_FOLDER);
  const url = resolveUrl(options, environment);
  const token =
    options.token ??
    environment.SARTOR_OPERATOR_TOKEN ??
    // A state folder that is named says who one wants to be.
    (options.state === undefined || options.state === DEFAULT_STATE_FOLDER
      ? storedLogin(url, environment)
      : undefined) ??
    readToken(join(folder, "control-plane", "operator-token"));
  if (token === undefined) {
    throw new SartorError(
      "SRT_CONFIG_INVALID",
      "Nobody is logged in: run `sartor login`, give --token, set SARTOR_OPERATOR_TOKEN, or name with --state the folder that `npm start` printed.",
    );
  }
  return { url, token };
}

/** The environment of a process that this command starts: its own, and what is given. */
export function childEnvironment(additions: Readonly<Record<string, string>>): Record<string, string | undefined> {
  return { ...process.env, ...additions };
}

/** When `npm start` began, ms since 1970, so that the time it reports includes the set-up; now when started by hand. */
export function startedAt(environment: NodeJS.ProcessEnv = process.env): number {
  const value = Number(environment.SARTOR_STARTED_AT);
  return Number.isFinite(value) && value > 0 ? value : Date.now();
}

function readToken(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
