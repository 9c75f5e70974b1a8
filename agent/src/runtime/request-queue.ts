import { SartorError } from "@sartor/shared/errors";

interface Entry<T> {
  readonly request: T;
  readonly timer: NodeJS.Timeout;
}

/** Requests that wait for the child, oldest first: bounded in number and in waiting time. */
export class RequestQueue<T> {
  readonly #entries: Entry<T>[] = [];
  readonly #limit: number;
  readonly #timeoutMs: number;
  readonly #onTimeout: (request: T, error: SartorError) => void;

  constructor(limit: number, timeoutMs: number, onTimeout: (request: T, error: SartorError) => void) {
    this.#limit = limit;
    this.#timeoutMs = timeoutMs;
    this.#onTimeout = onTimeout;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Adds a request at the end. @throws SartorError SRT_INFERENCE_OVERLOADED when the queue is full. */
  add(request: T): void {
    if (this.#entries.length >= this.#limit) {
      throw new SartorError("SRT_INFERENCE_OVERLOADED", `${this.#limit} requests wait already.`);
    }
    this.#entries.push(this.#entry(request));
  }

  /** Puts a request that was taken back to the front; it never fails, since it held a place before. */
  putBack(request: T): void {
    this.#entries.unshift(this.#entry(request));
  }

  peek(): T | undefined {
    return this.#entries[0]?.request;
  }

  take(): T | undefined {
    const entry = this.#entries.shift();
    clearTimeout(entry?.timer);
    return entry?.request;
  }

  /** Empties the queue and gives what was in it. */
  clear(): T[] {
    const entries = this.#entries.splice(0);
    for (const { timer } of entries) clearTimeout(timer);
    return entries.map(({ request }) => request);
  }

  #entry(request: T): Entry<T> {
    const timer = setTimeout(() => {
      this.#entries.splice(this.#entries.indexOf(entry), 1);
      const message = `The request waited ${this.#timeoutMs} ms without its turn.`;
      this.#onTimeout(request, new SartorError("SRT_INFERENCE_OVERLOADED", message));
    }, this.#timeoutMs);
    const entry = { request, timer };
    return entry;
  }
}
