import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { SartorError } from "@sartor/shared/errors";

/** Where a person sits. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Gets the questions, never what is typed. */
  readonly output: NodeJS.WritableStream;
}

export interface SecretPromptOptions {
  /** What is asked for: "password". */
  readonly what: string;
  /** How to give it where nobody sits at a terminal: "set SARTOR_PASSWORD". */
  readonly otherwise: string;
  /** Standard input and error by default. */
  readonly terminal?: Terminal;
}

/** Asks a person for a secret, without an echo. */
export class SecretPrompt {
  readonly #options: SecretPromptOptions;

  constructor(options: SecretPromptOptions) {
    this.#options = options;
  }

  /** @throws SartorError SRT_CONFIG_INVALID without a terminal or without an answer, SRT_CONFLICT when it is interrupted */
  async ask(question: string): Promise<string> {
    const { what, otherwise, terminal } = this.#options;
    const { input, output } = terminal ?? { input: process.stdin, output: process.stderr };
    if (input.isTTY !== true) throw invalid(`No terminal to ask for a ${what}: ${otherwise}.`);
    output.write(question);
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface({ input, output: silent, terminal: true });
    try {
      return await new Promise<string>((resolve, reject) => {
        lines.once("line", resolve);
        lines.once("SIGINT", () => reject(new SartorError("SRT_CONFLICT", "Interrupted.")));
        lines.once("close", () => reject(invalid(`No ${what} was entered.`)));
      });
    } finally {
      lines.close();
      output.write("\n");
    }
  }

  /**
   * Asks for a new secret, twice, since nobody sees what is typed.
   *
   * @param check throws what is wrong with the secret, before it is asked for again
   * @throws SartorError as {@link ask}; SRT_CONFIG_INVALID when the two differ
   */
  async askNew(question: string, check: (secret: string) => void = () => undefined): Promise<string> {
    const secret = await this.ask(question);
    check(secret);
    if ((await this.ask("Once more: ")) === secret) return secret;
    throw invalid(`The two ${this.#options.what}s differ; nothing was changed.`);
  }
}

function invalid(message: string): SartorError {
  return new SartorError("SRT_CONFIG_INVALID", message);
}
