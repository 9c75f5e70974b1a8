import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";

/** Sessions of `sartor login`, by the control plane's address. */
const loginsSchema = z.record(z.string(), z.object({ token: z.string(), expiresAt: z.number().nullable() }));
type Logins = z.infer<typeof loginsSchema>;

/** `SARTOR_LOGINS_FILE`, or `sartor/logins.json` where the user's settings lie. */
function loginsFile(environment: NodeJS.ProcessEnv): string {
  const settings = environment.XDG_CONFIG_HOME ?? join(environment.HOME ?? homedir(), ".config");
  return environment.SARTOR_LOGINS_FILE ?? join(settings, "sartor", "logins.json");
}

/** The session of a control plane; undefined when nobody logged in, or it is past its time. */
export function storedLogin(url: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const login = readLogins(environment)[originOf(url)];
  if (login === undefined || (login.expiresAt !== null && login.expiresAt <= Date.now())) return undefined;
  return login.token;
}

/** Keeps a session in a file that only its owner reads; undefined forgets it. */
export function storeLogin(
  url: string,
  login: Logins[string] | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): void {
  const path = loginsFile(environment);
  const logins = readLogins(environment);
  if (login === undefined) delete logins[originOf(url)];
  else logins[originOf(url)] = login;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.new`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, `${JSON.stringify(logins, null, 2)}\n`, { mode: 0o600, flag: "wx" });
  renameSync(temporary, path);
}

/** `SARTOR_PASSWORD`: where nobody sits at a terminal. */
export function givenPassword(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const value = environment.SARTOR_PASSWORD;
  return value === undefined || value === "" ? undefined : value;
}

function readLogins(environment: NodeJS.ProcessEnv): Logins {
  try {
    const parsed = loginsSchema.safeParse(JSON.parse(readFileSync(loginsFile(environment), "utf8")));
    return parsed.success ? parsed.data : {};
  } catch {
    // None yet, or damaged: nobody is logged in then.
    return {};
  }
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url;
}
