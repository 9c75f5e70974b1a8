import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { SartorError } from "@sartor/shared/errors";

/** The environment as the process got it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads typed values out of the environment. Every method throws SRT_CONFIG_INVALID, in a sentence that names the
 * variable and what is wrong with it, so that a bad value stops the start.
 */
export class SettingsReader {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Text; an empty value counts as absent. */
  optionalText(name: string): string | undefined {
    const value = this.#environment[name];
    return value === undefined || value === "" ? undefined : value;
  }

  text(name: string, fallback: string): string {
    return this.optionalText(name) ?? fallback;
  }

  /** A path, made absolute against the working folder. */
  path(name: string, fallback: string): string {
    return resolve(this.text(name, fallback));
  }

  /** A whole number within bounds, both included. */
  integer(name: string, fallback: number, minimum: number, maximum: number): number {
    const text = this.optionalText(name);
    if (text === undefined) return fallback;
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < minimum || value > maximum) {
      throw invalid(name, `must be a whole number from ${minimum} to ${maximum}, but is "${text}"`);
    }
    return value;
  }

  /** Words separated by commas; none by default. */
  list(name: string, word: RegExp, maximum: number): string[] {
    const words = (this.optionalText(name) ?? "")
      .split(",")
      .map((each) => each.trim())
      .filter((each) => each !== "");
    const odd = words.find((each) => !word.test(each));
    if (odd !== undefined) throw invalid(name, `must be names separated by commas, but holds "${odd}"`);
    if (words.length > maximum) throw invalid(name, `must not hold more than ${maximum} names`);
    return words;
  }

  boolean(name: string, fallback: boolean): boolean {
    const text = this.optionalText(name)?.toLowerCase();
    if (text === undefined) return fallback;
    if (["1", "true", "yes", "on"].includes(text)) return true;
    if (["0", "false", "no", "off"].includes(text)) return false;
    throw invalid(name, `must be true or false, but is "${text}"`);
  }

  /** One word of a list. */
  choice<T extends string>(name: string, fallback: T, choices: readonly T[]): T {
    const text = this.optionalText(name);
    if (text === undefined) return fallback;
    const found = choices.find((choice) => choice === text);
    if (found === undefined) throw invalid(name, `must be one of ${choices.join(", ")}, but is "${text}"`);
    return found;
  }

  /** An address with one of the given protocols, e.g. `["mqtt:", "mqtts:"]`. */
  optionalUrl(name: string, protocols: readonly string[]): string | undefined {
    const text = this.optionalText(name);
    if (text === undefined) return undefined;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !protocols.includes(url.protocol)) {
      // The value is not repeated: it may hold a password.
      throw invalid(name, `must be an address that starts with ${protocols.map((p) => `${p}//`).join(" or ")}`);
    }
    return text.replace(/\/+$/, "");
  }

  /** A secret: the variable itself, or the content of the file that `<name>_FILE` names; not both. */
  optionalSecret(name: string): string | undefined {
    const direct = this.optionalText(name);
    const file = this.optionalText(`${name}_FILE`);
    if (direct !== undefined && file !== undefined) throw invalid(name, `and ${name}_FILE must not both be set`);
    if (file === undefined) return direct;
    try {
      return readFileSync(file, "utf8").replace(/\r?\n$/, "");
    } catch (cause) {
      throw invalid(`${name}_FILE`, `names a file that cannot be read: ${(cause as Error).message}`, cause);
    }
  }
}

function invalid(name: string, problem: string, cause?: unknown): SartorError {
  return new SartorError("SRT_CONFIG_INVALID", `${name} ${problem}.`, { details: { setting: name }, cause });
}
