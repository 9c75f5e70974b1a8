import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { SartorError } from "@sartor/shared/errors";
import { givenPassword } from "../config/index.js";

/** A password: from SARTOR_PASSWORD, else from a person, who is asked without an echo. */
export async function askPassword(question: string): Promise<string> {
  return givenPassword() ?? ask(question);
}

/** A new password: asked for twice where a person types it. */
export async function askNewPassword(userName: string): Promise<string> {
  const given = givenPassword();
  if (given !== undefined) return given;
  const password = await ask(`New password of ${userName} (12 characters or more): `);
  if ((await ask("Once more: ")) === password) return password;
  throw new SartorError("SRT_CONFIG_INVALID", "The two passwords differ; nothing was changed.");
}

async function ask(question: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new SartorError("SRT_CONFIG_INVALID", "No terminal to ask for a password: set SARTOR_PASSWORD.");
  }
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("SIGINT", () => reject(new SartorError("SRT_CONFLICT", "Interrupted.")));
      lines.once("close", () => reject(new SartorError("SRT_CONFIG_INVALID", "No password was entered.")));
    });
  } finally {
    lines.close();
    process.stderr.write("\n");
  }
}
