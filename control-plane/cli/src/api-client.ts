import { createReadStream, statSync } from "node:fs";
import { Readable } from "node:stream";
import { SartorError } from "@sartor/shared/errors";
import { describeProblems, errorReplySchema, pageOf } from "@sartor/shared/protocol";
import { z } from "zod";

const TIMEOUT_MS = 120_000;
/** An upload may take as long as it needs at this rate, bytes a second. */
const SLOWEST_UPLOAD = 64 * 1024;

/** Talks to the control plane's REST API as an operator. */
export class ApiClient {
  readonly #baseUrl: string;
  readonly #token: string | undefined;

  /** @param token of an operator, a program or a session; undefined for what needs none */
  constructor(baseUrl: string, token: string | undefined) {
    this.#baseUrl = baseUrl;
    this.#token = token;
  }

  /** @throws SartorError with the control plane's code, or SRT_DOWNLOAD_FAILED when it cannot be reached */
  get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return this.#request("GET", path, schema);
  }

  post<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    return this.#sendJson("POST", path, body, schema);
  }

  patch<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    return this.#sendJson("PATCH", path, body, schema);
  }

  put<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    return this.#sendJson("PUT", path, body, schema);
  }

  /** Removes what is at the path. */
  async delete(path: string): Promise<void> {
    await this.#request("DELETE", path, z.unknown());
  }

  /** Streams a file as the body; it is never held in memory. */
  postFile<T>(path: string, file: string, schema: z.ZodType<T>): Promise<T> {
    const { size } = statSync(file);
    return this.#request(
      "POST",
      path,
      schema,
      {
        headers: { "content-type": "application/octet-stream", "content-length": String(size) },
        body: Readable.toWeb(createReadStream(file)) as ReadableStream,
        duplex: "half",
      },
      TIMEOUT_MS + Math.ceil((size / SLOWEST_UPLOAD) * 1000),
    );
  }

  /** Reads a list to its end, page by page. */
  async getAll<T>(path: string, item: z.ZodType<T>): Promise<T[]> {
    const all: T[] = [];
    const schema = pageOf(item);
    let cursor: string | null = null;
    do {
      const separator = path.includes("?") ? "&" : "?";
      const query: string = cursor === null ? "" : `${separator}cursor=${encodeURIComponent(cursor)}`;
      const page: { items: T[]; nextCursor: string | null } = await this.get(path + query, schema);
      all.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return all;
  }

  #sendJson<T>(method: string, path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    const headers = { "content-type": "application/json" };
    return this.#request(method, path, schema, { headers, body: JSON.stringify(body) });
  }

  async #request<T>(
    method: string,
    path: string,
    schema: z.ZodType<T>,
    init: RequestInit & { duplex?: "half" } = {},
    timeoutMs = TIMEOUT_MS,
  ): Promise<T> {
    const url = new URL(path, this.#baseUrl);
    let response: Response;
    let json: unknown;
    try {
      response = await fetch(url, {
        ...init,
        method,
        headers: {
          ...(init.headers as Record<string, string> | undefined),
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        },
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await response.text();
      json = text === "" ? undefined : JSON.parse(text);
    } catch (cause) {
      throw new SartorError(
        "SRT_DOWNLOAD_FAILED",
        `The control plane at ${url.origin} did not answer ${method} ${url.pathname}.`,
        { cause },
      );
    }
    if (response.ok) {
      const answer = schema.safeParse(json);
      if (answer.success) return answer.data;
      const problems = describeProblems(answer.error).join("; ");
      const message = `The control plane's answer to ${method} ${url.pathname} is not what this command knows: ${problems}`;
      throw new SartorError("SRT_MESSAGE_INVALID", message);
    }
    const refusal = errorReplySchema.safeParse(json);
    if (refusal.success) throw SartorError.fromBody(refusal.data.error);
    throw new SartorError("SRT_INTERNAL", `${method} ${url.pathname} was answered with status ${response.status}.`);
  }
}
