import { SartorError } from "@sartor/shared/errors";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** How much structure a JSON text may have. */
export interface JsonBounds {
  readonly depth: number;
  readonly containers: number;
}

const refuse = (problem: string, cause?: unknown): SartorError =>
  new SartorError("SRT_INVALID_REQUEST", problem, { cause });

/**
 * Parses JSON whose structure is bounded. The bytes are scanned first: 8 MiB of `[` would otherwise become hundreds of
 * megabytes of objects before anything could be checked.
 * @throws SartorError SRT_INVALID_REQUEST when it is not JSON, or too deep, or has too many lists and objects.
 */
export function parseBoundedJson(bytes: Uint8Array, bounds: JsonBounds): unknown {
  let depth = 0;
  let containers = 0;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === QUOTE) {
      for (index++; index < bytes.length && bytes[index] !== QUOTE; index++) if (bytes[index] === BACKSLASH) index++;
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (++depth > bounds.depth) throw refuse(`The JSON nests deeper than ${bounds.depth} levels.`);
      if (++containers > bounds.containers)
        throw refuse(`The JSON has more than ${bounds.containers} lists and objects.`);
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      depth--;
    }
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw refuse(`The body is not JSON: ${error instanceof Error ? error.message : String(error)}.`, error);
  }
}
