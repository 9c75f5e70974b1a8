import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import type { Ids } from "../config/index.js";
import { writeSecretFile } from "./durable-file.js";
import { secretsEqual } from "./secrets.js";

const FILE_NAME = "operator-token";
/** Length of the token, bytes of randomness. */
const TOKEN_BYTES = 32;

/** The credential of the people and programs that operate this control plane. */
export class OperatorToken {
  readonly value: string;

  private constructor(value: string) {
    this.value = value;
  }

  /**
   * Reads the token out of the state folder; makes one at the first start, readable by its owner only.
   *
   * @throws SartorError SRT_STATE_UNUSABLE when the file holds something else
   */
  static async load(stateDir: string, ids: Ids): Promise<OperatorToken> {
    const path = join(stateDir, FILE_NAME);
    try {
      const value = (await readFile(path, "utf8")).trim();
      if (!/^[A-Za-z0-9_-]{43}$/.test(value)) {
        throw new SartorError(
          "SRT_STATE_UNUSABLE",
          `${path} does not hold an operator token; delete it and start again to get a new one.`,
        );
      }
      return new OperatorToken(value);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    const value = ids.secret(TOKEN_BYTES);
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    await writeSecretFile(path, `${value}\n`);
    return new OperatorToken(value);
  }

  /** Tells whether this is the token, in a time that does not depend on where it differs. */
  matches(candidate: string): boolean {
    return secretsEqual(candidate, this.value);
  }
}
