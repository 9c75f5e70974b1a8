import type { TrustPublicKey } from "@sartor/shared/protocol";
import { type KeyFile, makeKeyFile, type OpenKey, openKeyFile, type RandomBytes } from "./key-file.js";
import { findKeyFile, writeKeyFile } from "./key-folder.js";

/** Where passphrases come from: a person, a file descriptor, the environment. Never the command line, which others can read. */
export interface Passphrases {
  /** For a key that is being made: a person is asked twice. */
  ofNewKey(name: string): Promise<string>;
  ofKey(name: string): Promise<string>;
}

export interface KeyRingOptions {
  readonly folder: string;
  readonly passphrases: Passphrases;
  readonly random: RandomBytes;
  /** scrypt's cost of new keys. */
  readonly cost?: number;
}

/** Keys as files of a folder: made when they are missing, opened when they sign. */
export class KeyRing {
  readonly #options: KeyRingOptions;

  constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  /** The key of this name; makes it when there is none, so that what was cut off goes on where it was. */
  async ensure(name: string, purpose: string): Promise<{ readonly file: KeyFile; readonly made: boolean }> {
    const { folder, passphrases, random, cost } = this.#options;
    const existing = await findKeyFile(folder, name);
    if (existing !== undefined) return { file: existing, made: false };
    const what = { name, purpose, ...(cost === undefined ? {} : { cost }) };
    const file = await makeKeyFile(what, await passphrases.ofNewKey(name), random);
    await writeKeyFile(folder, file);
    return { file, made: true };
  }

  /** @throws SartorError SRT_KEY_LOCKED */
  async open(file: KeyFile): Promise<OpenKey> {
    return openKeyFile(file, await this.#options.passphrases.ofKey(file.name));
  }

  get folder(): string {
    return this.#options.folder;
  }
}

export const publicOf = ({ keyId, public: hex }: KeyFile): TrustPublicKey => ({ keyId, public: hex });
