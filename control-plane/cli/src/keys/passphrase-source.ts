import { readSync } from "node:fs";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { SartorError } from "@sartor/shared/errors";
import type { Passphrases } from "./key-ring.js";

/** Fewest characters of a new passphrase. */
const SHORTEST = 12;
const LONGEST_BYTES = 1024;

export interface PassphraseOptions {
  /** From the environment. */
  readonly given: string | undefined;
  /** A file descriptor whose first line is the passphrase, as in `3< file`. */
  readonly descriptor: number | undefined;
  readonly isTerminal: boolean;
}

/** Passphrases from a file descriptor, else the environment, else a person who is asked without an echo. */
export class PassphraseSource implements Passphrases {
  readonly #options: PassphraseOptions;
  #common: string | undefined;

  constructor(options: PassphraseOptions) {
    this.#options = options;
  }

  async ofKey(name: string): Promise<string> {
    return this.#given() ?? this.#ask(`Passphrase of ${name}: `);
  }

  async ofNewKey(name: string): Promise<string> {
    const given = this.#given();
    if (given !== undefined) return requireLong(given);
    const passphrase = requireLong(await this.#ask(`New passphrase of ${name} (${SHORTEST} characters or more): `));
    if ((await this.#ask("Once more: ")) === passphrase) return passphrase;
    throw new SartorError("SRT_CONFIG_INVALID", "The two passphrases differ; nothing was made.");
  }

  #given(): string | undefined {
    const { descriptor, given } = this.#options;
    this.#common ??= descriptor === undefined ? given : readFirstLine(descriptor);
    return this.#common;
  }

  async #ask(question: string): Promise<string> {
    if (!this.#options.isTerminal) {
      throw new SartorError(
        "SRT_CONFIG_INVALID",
        "No terminal to ask for a passphrase: set SARTOR_KEY_PASSPHRASE, or give --passphrase-fd a file descriptor.",
      );
    }
    process.stderr.write(question);
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
    try {
      return await new Promise<string>((resolve, reject) => {
        lines.once("line", resolve);
        lines.once("SIGINT", () => reject(new SartorError("SRT_CONFLICT", "Interrupted; nothing was signed.")));
        lines.once("close", () => reject(new SartorError("SRT_CONFIG_INVALID", "No passphrase was entered.")));
      });
    } finally {
      lines.close();
      process.stderr.write("\n");
    }
  }
}

function readFirstLine(descriptor: number): string {
  const buffer = Buffer.alloc(LONGEST_BYTES);
  let filled = 0;
  try {
    while (filled < buffer.byteLength) {
      const count = readSync(descriptor, buffer, filled, buffer.byteLength - filled, null);
      if (count === 0) break;
      filled += count;
      if (buffer.subarray(0, filled).includes(0x0a)) break;
    }
  } catch (cause) {
    throw new SartorError("SRT_CONFIG_INVALID", `No passphrase can be read from the file descriptor ${descriptor}.`, {
      cause,
    });
  }
  const [line = ""] = buffer.toString("utf8", 0, filled).split(/\r?\n/);
  if (line === "")
    throw new SartorError("SRT_CONFIG_INVALID", `The file descriptor ${descriptor} holds no passphrase.`);
  return line;
}

function requireLong(passphrase: string): string {
  if (passphrase.length >= SHORTEST) return passphrase;
  throw new SartorError("SRT_CONFIG_INVALID", `A passphrase of a key has ${SHORTEST} characters or more.`);
}
