import type { IncomingMessage } from "node:http";
import { SartorError } from "@sartor/shared/errors";

/** Counts the request bodies held in memory, over all connections, and refuses more than the budget. */
export class BodyBudget {
  #held = 0;

  constructor(private readonly limit: number) {}

  /** Bytes held now. */
  get held(): number {
    return this.#held;
  }

  /** @throws SartorError SRT_INFERENCE_OVERLOADED when the budget is used up. */
  reserve(bytes: number): void {
    if (this.#held + bytes > this.limit) {
      throw new SartorError("SRT_INFERENCE_OVERLOADED", "The bodies of other requests fill the memory for bodies.");
    }
    this.#held += bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}

const tooLarge = (limit: number): SartorError =>
  new SartorError("SRT_BODY_TOO_LARGE", `This route takes bodies of at most ${limit} bytes.`, { details: { limit } });

/** A body, and the way to give its part of the budget back. */
export interface HeldBody {
  readonly bytes: Uint8Array;
  release(): void;
}

/** The announced length; undefined when the body comes in chunks. Node's parser has refused anything malformed. */
export function announcedLength(request: IncomingMessage): number | undefined {
  const header = request.headers["content-length"];
  return header === undefined ? undefined : Number(header);
}

/** @throws SartorError SRT_BODY_TOO_LARGE when the announced length is past the limit. */
export function checkAnnouncedLength(request: IncomingMessage, limit: number): void {
  if ((announcedLength(request) ?? 0) > limit) throw tooLarge(limit);
}

/**
 * Reads a body, never more than `limit` bytes of it: a longer one is refused before its first byte is kept when its length is
 * announced, otherwise as soon as it passes the limit.
 * @throws SartorError SRT_BODY_TOO_LARGE, SRT_INFERENCE_OVERLOADED, SRT_UNSUPPORTED_MEDIA_TYPE for a compressed body, or
 * SRT_INVALID_REQUEST when the client went away.
 */
export async function readRequestBody(request: IncomingMessage, limit: number, budget: BodyBudget): Promise<HeldBody> {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new SartorError("SRT_UNSUPPORTED_MEDIA_TYPE", "Bodies are taken as they are; compressed ones are not.");
  }
  checkAnnouncedLength(request, limit);
  let reserved = 0;
  const reserve = (bytes: number) => {
    budget.reserve(bytes);
    reserved += bytes;
  };
  const release = () => {
    budget.release(reserved);
    reserved = 0;
  };
  try {
    // Room is taken as bytes arrive: who announces much and sends nothing takes none.
    const chunks = await collect(request, limit, reserve);
    const [only] = chunks;
    const bytes = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
    return { bytes, release };
  } catch (error) {
    release();
    throw error;
  }
}

function collect(request: IncomingMessage, limit: number, reserve: (bytes: number) => void): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const stop = (error: unknown) => {
      request.off("data", take);
      request.off("end", finish);
      request.pause();
      chunks.length = 0;
      reject(error);
    };
    const take = (chunk: Buffer) => {
      bytes += chunk.byteLength;
      try {
        if (bytes > limit) throw tooLarge(limit);
        reserve(chunk.byteLength);
        chunks.push(chunk);
      } catch (error) {
        stop(error);
      }
    };
    const finish = () => resolve(chunks);
    const gone = () => stop(new SartorError("SRT_INVALID_REQUEST", "The request ended before its body did."));
    request.on("data", take);
    request.once("end", finish);
    request.once("error", gone);
    request.once("close", () => {
      if (!request.complete) gone();
    });
  });
}
