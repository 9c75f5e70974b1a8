import type { ServerResponse } from "node:http";
import { digestOf } from "../support/registering.js";
import { canonicalJson, type TinyBundle } from "../support/tiny-model.js";

const PIECE_BYTES = 64 * 1024;

/** What a server that misbehaves has sent so far. */
export interface Sent {
  bytes: number;
  /** Answers that it began. */
  answers: number;
}

/** Sends until the other side has enough: as fast as it is read, and no end of it. */
export function sendEndlessly(response: ServerResponse, sent: Sent, beginning: Uint8Array = new Uint8Array()): void {
  const piece = Buffer.alloc(PIECE_BYTES, " ");
  sent.answers += 1;
  response.on("error", () => undefined);
  response.write(beginning);
  const more = () => {
    while (!response.destroyed) {
      sent.bytes += piece.byteLength;
      if (!response.write(piece)) return;
    }
  };
  response.on("drain", more);
  more();
}

/** Sends one byte a second of what was asked for, so that the line never seems dead. */
export function drip(response: ServerResponse, bytes: Uint8Array, sent: Sent, status = 200): void {
  sent.answers += 1;
  response.writeHead(status, { "content-length": String(bytes.byteLength) });
  response.on("error", () => undefined);
  let at = 0;
  const timer = setInterval(() => {
    if (at >= bytes.byteLength) return void response.end();
    response.write(bytes.subarray(at, at + 1));
    at += 1;
    sent.bytes += 1;
  }, 1_000);
  response.on("close", () => clearInterval(timer));
}

/** JSON that is nested so deeply that a parser which recurses falls over. */
export function deepJson(bytes: number): string {
  const depth = Math.floor(bytes / 2);
  return "[".repeat(depth) + "]".repeat(depth);
}

/**
 * A bundle whose manifest says something else than it may; its length and digest are right. Whoever has the release key and the director's
 * can have it signed.
 *
 * @param text the manifest; canonical JSON of the good one with changes, or anything at all
 */
export function forgedBundle(
  good: TinyBundle,
  text: string | ((manifest: Record<string, unknown>) => object),
): TinyBundle {
  const said = typeof text === "string" ? text : canonicalJson(text(structuredClone(good.manifest) as never));
  const manifestBytes = Buffer.from(said);
  return { ...good, manifestBytes, bundleId: digestOf(manifestBytes) };
}
