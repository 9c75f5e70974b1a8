import { readSync } from "node:fs";
import { SartorError } from "@sartor/shared/errors";
import { SecretPrompt } from "../secret-prompt.js";
import type { Passphrases } from "./key-ring.js";

/** Fewest characters of a new passphrase. */
const SHORTEST = 12;
const LONGEST_BYTES = 1024;

export interface PassphraseOptions {
  /** From the environment. */
  readonly given: string | undefined;
  /** A file descriptor whose first line is the passphrase, as in `3< file`. */
  readonly descriptor: number | undefined;
}

/** Passphrases from a file descriptor, else the environment, else a person who is asked without an echo. */
export class PassphraseSource implements Passphrases {
  readonly #options: PassphraseOptions;
  readonly #prompt = new SecretPrompt({
    what: "passphrase",
    otherwise: "set SARTOR_KEY_PASSPHRASE, or give --passphrase-fd a file descriptor",
  });
  #common: string | undefined;

  constructor(options: PassphraseOptions) {
    this.#options = options;
  }

  async ofKey(name: string): Promise<string> {
    return this.#given() ?? this.#prompt.ask(`Passphrase of ${name}: `);
  }

  async ofNewKey(name: string): Promise<string> {
    const given = this.#given();
    if (given === undefined) {
      return this.#prompt.askNew(`New passphrase of ${name} (${SHORTEST} characters or more): `, requireLong);
    }
    requireLong(given);
    return given;
  }

  #given(): string | undefined {
    const { descriptor, given } = this.#options;
    this.#common ??= descriptor === undefined ? given : readFirstLine(descriptor);
    return this.#common;
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

function requireLong(passphrase: string): void {
  if (passphrase.length < SHORTEST)
    throw new SartorError("SRT_CONFIG_INVALID", `A passphrase of a key has ${SHORTEST} characters or more.`);
}
