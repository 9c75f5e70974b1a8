import { Injectable, Logger } from "@nestjs/common";
import type { EventHandler, EventMap, EventName } from "./event-map.js";

/** Typed events inside the process. */
@Injectable()
export class EventBus {
  readonly #handlers = new Map<EventName, Set<EventHandler<EventName>>>();
  readonly #logger = new Logger(EventBus.name);

  /** Listens to an event; returns what ends that. */
  on<Name extends EventName>(name: Name, handler: EventHandler<Name>): () => void {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers);
    const entry = handler as EventHandler<EventName>;
    handlers.add(entry);
    return () => handlers.delete(entry);
  }

  /** Tells everyone at once. A handler that fails is logged and disturbs neither the others nor the caller. */
  emit<Name extends EventName>(name: Name, payload: EventMap[Name]): void {
    for (const outcome of this.#call(name, payload)) {
      outcome.catch((error: unknown) => this.#logFailure(name, error));
    }
  }

  /**
   * Tells everyone at once and waits until all are done.
   *
   * @throws the first failure, after all handlers ended; every failure is logged
   */
  async emitAndWait<Name extends EventName>(name: Name, payload: EventMap[Name]): Promise<void> {
    const results = await Promise.allSettled(this.#call(name, payload));
    let failed = false;
    let first: unknown;
    for (const result of results) {
      if (result.status === "fulfilled") continue;
      this.#logFailure(name, result.reason);
      if (!failed) first = result.reason;
      failed = true;
    }
    if (failed) throw first;
  }

  #call<Name extends EventName>(name: Name, payload: EventMap[Name]): Promise<void>[] {
    return [...(this.#handlers.get(name) ?? [])].map((handler) => {
      try {
        return Promise.resolve(handler(payload));
      } catch (error) {
        return Promise.reject(error);
      }
    });
  }

  #logFailure(name: EventName, error: unknown): void {
    this.#logger.error(
      `A handler of ${name} failed: ${error instanceof Error ? error.message : String(error)}`,
      error instanceof Error ? error.stack : undefined,
    );
  }
}
