import type { Page } from "@sartor/shared/protocol";
import { type ApiError, errorOfFailure, errorOfReply } from "./api-error.js";
import { type Credential, headersOf } from "./credential.js";

/** What requests need of their surroundings. */
export interface TransportOptions {
  readonly credential: Credential;
  readonly fetch: typeof fetch;
  /** Called when the server does not accept the credential. */
  readonly onUnauthenticated: () => void;
}

/** Methods that the page uses. */
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

const REQUEST_TIMEOUT_MS = 20_000;
/** Says that a password which was sent along is wrong; whoever sent it stays signed in. */
const WRONG_PASSWORD = "SRT_LOGIN_FAILED";
/** Largest page that most lists give. */
const PAGE_SIZE = 200;
/** Most pages of one list that are read: 100,000 devices. */
const MAXIMUM_PAGES = 200;

/** Requests to the control plane, signed in. Every method throws an {@link ApiError}. */
export class Transport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Sends a request and gives its reply; `body` goes as JSON. */
  async request<T>(
    method: Method,
    path: string,
    signal: AbortSignal,
    body?: unknown,
    timeoutMs: number = REQUEST_TIMEOUT_MS,
  ): Promise<T> {
    const headers = {
      ...this.headers(),
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
    let response: Response;
    let answer: unknown;
    try {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const content = body === undefined ? {} : { body: JSON.stringify(body) };
      response = await this.#options.fetch(path, { method, headers, signal: limited, cache: "no-store", ...content });
      const text = await response.text();
      // A reply without content says enough by its status.
      answer = text === "" && response.ok ? null : parseJson(text);
    } catch (failure) {
      // An abort by the page itself is not an error to show: whoever aborted ignores it.
      if (signal.aborted) throw failure;
      throw errorOfFailure(failure);
    }
    if (response.ok && answer !== undefined) return answer as T;
    const error: ApiError = errorOfReply(response.status, answer);
    if (error.status === 401 && error.code !== WRONG_PASSWORD) this.refused();
    throw error;
  }

  /** All items of a list. */
  async all<T>(path: string, signal: AbortSignal): Promise<T[]> {
    const items: T[] = [];
    for await (const page of this.pages<T>(path, signal)) items.push(...page);
    return items;
  }

  /** A list, page after page, from behind `after`. */
  async *pages<T>(
    path: string,
    signal: AbortSignal,
    limit = PAGE_SIZE,
    after: string | null = null,
  ): AsyncGenerator<T[]> {
    let cursor = after;
    for (let count = 0; count < MAXIMUM_PAGES; count += 1) {
      const query = new URLSearchParams({ limit: String(limit), ...(cursor === null ? {} : { cursor }) });
      const page: Page<T> = await this.request("GET", `${path}?${query}`, signal);
      yield page.items;
      cursor = page.nextCursor;
      if (cursor === null) return;
    }
  }

  /** What signs a request in, for those that are not sent here. */
  headers(): Readonly<Record<string, string>> {
    return headersOf(this.#options.credential);
  }

  /** Tells that the server did not accept the credential. */
  refused(): void {
    this.#options.onUnauthenticated();
  }
}

/** Parses a reply; undefined where it is not JSON: an error that names the HTTP status is made of it. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
