import { SartorError } from "@sartor/shared/errors";
import type { LogEvent, OrdersRefusal } from "@sartor/shared/protocol";
import type { Clock, Logger } from "../platform/index.js";
import type { OrderResult, VerifiedOrder } from "./metadata/trusted-orders.js";
import {
  HINT_SPREAD_MS,
  planPause,
  planPeriod,
  planRetry,
  RECONNECT_SPREAD_MS,
  REFRESH_PERIOD_MS,
} from "./order-pacing.js";

/** A line that is bad for a moment is nobody's business: operators are told after so many failures in a row. */
const UNREACHABLE_BEFORE_TOLD = 5;

export interface OrderFollowerOptions {
  /** Asks the repositories. */
  readonly refresh: (signal: AbortSignal) => Promise<OrderResult>;
  /** Generation of the order that is in force at the start; 0 without one. */
  readonly generation: number;
  /** Takes a verified order, durable when it returns: the newest, perhaps once more. What it throws counts as a failed refresh. */
  readonly onVerified: (order: VerifiedOrder) => void;
  /** {@link OrderFollower.refusal} began, ended, or has another code now. */
  readonly onRefusal: () => void;
  /** Tells operators. */
  readonly tell: (event: Pick<LogEvent, "level" | "message" | "code">) => void;
  /** Whether the broker is reached: while nothing is, that the repositories are out of reach is no news. */
  readonly isOnline: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** {@link REFRESH_PERIOD_MS} by default. */
  readonly periodMs?: number;
}

/**
 * Keeps up with this device's signed orders: looks for them at the start, when a hint comes, after each connect, and from time to time in any
 * case, so that whoever has the broker can neither keep a device from its orders nor give it others.
 *
 * Invariants: one refresh at a time; never two without a pause between them; hints that come during one are answered by one more. A hint is
 * believed only so far as it proves true: each that brings nothing makes the next pause longer.
 */
export class OrderFollower {
  readonly #is: OrderFollowerOptions;
  readonly #periodMs: number;
  /** Newest generation that was verified and taken. */
  #generation: number;
  /** Highest generation that a hint named and that was not seen yet. */
  #claimed = 0;
  /** When the next refresh is wanted, and before which there is none, by the monotonic clock. */
  #dueAt = 0;
  #notBefore = 0;
  /** The next refresh is wanted at once: by a hint that names something new, or because the line is back. */
  #isUrgent = false;
  #failures = 0;
  /** Urgent refreshes in a row that brought nothing. */
  #useless = 0;
  #refusal: OrdersRefusal | null = null;
  /** How often in a row that was the reason. */
  #repeats = 0;
  /** What operators know of. */
  #told: string | undefined;
  #wake = new AbortController();

  constructor(options: OrderFollowerOptions) {
    this.#is = options;
    this.#periodMs = options.periodMs ?? REFRESH_PERIOD_MS;
    this.#generation = options.generation;
  }

  /** Why the newest orders are not followed; null while they are. */
  get refusal(): OrdersRefusal | null {
    return this.#refusal;
  }

  /** Somebody says that there is an order of this generation. */
  nudge({ generation }: { readonly generation: number }): void {
    if (generation <= this.#generation) {
      this.#ask(HINT_SPREAD_MS);
      return;
    }
    this.#claimed = Math.max(this.#claimed, generation);
    this.#isUrgent = true;
    this.#ask(0);
  }

  /** The line to the broker is up. */
  noteConnected(): void {
    if (this.#refusal !== null) this.#isUrgent = true;
    this.#ask(this.#refusal === null ? HINT_SPREAD_MS : RECONNECT_SPREAD_MS);
  }

  /** Runs until the signal is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#untilDue(signal);
      if (signal.aborted) return;
      await this.#refresh(signal);
    }
  }

  /** Wants a refresh within a time. One that is wanted by then anyway stays when it is: many hints do not add up to an earlier one. */
  #ask(withinMs: number): void {
    const now = this.#is.clock.monotonic();
    if (this.#dueAt <= now + withinMs) return;
    this.#dueAt = now + withinMs * this.#is.random();
    this.#wake.abort();
  }

  async #untilDue(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const wait = Math.max(this.#dueAt, this.#notBefore) - this.#is.clock.monotonic();
      if (wait <= 0) return;
      this.#wake = new AbortController();
      await this.#is.clock.sleep(wait, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
    }
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#is;
    const wasUrgent = this.#isUrgent;
    const claimed = this.#claimed;
    this.#isUrgent = false;
    this.#dueAt = Number.POSITIVE_INFINITY;
    const failure = await this.#look(signal);
    if (signal.aborted) return;
    this.#failures = failure === undefined ? 0 : this.#failures + 1;
    const isUseless = failure !== undefined || this.#generation < claimed;
    this.#useless = wasUrgent && isUseless ? this.#useless + 1 : 0;
    // Both repositories were asked: what else was claimed is not so.
    if (failure === undefined && this.#claimed === claimed) this.#claimed = 0;
    const now = clock.monotonic();
    const next =
      failure === undefined
        ? planPeriod(this.#periodMs, random)
        : planRetry(this.#failures, failure.code, this.#periodMs, random);
    this.#dueAt = Math.min(this.#dueAt, now + next);
    this.#notBefore = now + planPause(this.#useless, this.#periodMs);
    try {
      if (failure === undefined) this.#clear();
      else this.#note(failure);
    } catch (error) {
      this.#is.logger.error("how the device stands with its orders could not be told", { error });
    }
  }

  /** One look at the repositories; what came of it is taken. Undefined when all went well. */
  async #look(signal: AbortSignal): Promise<SartorError | undefined> {
    try {
      const result = await this.#is.refresh(signal);
      if (signal.aborted) return undefined;
      if (result.outcome === "unchanged") return result.reason;
      this.#is.onVerified(result.order);
      this.#generation = Math.max(this.#generation, result.order.desired.generation);
      return undefined;
    } catch (thrown) {
      return isOfDisk(thrown) ? unusable(thrown) : SartorError.from(thrown);
    }
  }

  #note(failure: SartorError): void {
    const { clock, logger, onRefusal } = this.#is;
    const { code, message } = failure.toBody();
    const isNew = this.#refusal?.code !== code;
    this.#repeats = isNew ? 1 : this.#repeats + 1;
    const since = isNew ? Math.max(0, Math.round(clock.now())) : (this.#refusal?.since ?? 0);
    this.#refusal = { code, message, since };
    const facts = { code, message, failures: this.#failures };
    if (!isNew) logger.debug("orders are not followed still", facts);
    else if (code === "SRT_TRUST_NO_ROOT") logger.info("there is no root of trust yet", facts);
    else logger.warn("orders are not followed; what was verified before stays in force", facts);
    if (isNew) onRefusal();
    this.#tellOnce(code, message);
  }

  #tellOnce(code: string, message: string): void {
    if (this.#told === code || code === "SRT_TRUST_NO_ROOT") return;
    const isLine = code === "SRT_TRUST_UNREACHABLE";
    if (isLine && (this.#repeats < UNREACHABLE_BEFORE_TOLD || !this.#is.isOnline())) return;
    this.#told = code;
    const sentence = `Orders are not followed; what was verified before stays in force. ${message}`;
    this.#is.tell({ level: isLine ? "warning" : "error", code, message: sentence });
  }

  #clear(): void {
    if (this.#refusal === null) return;
    this.#is.logger.info("orders are followed again", { code: this.#refusal.code });
    this.#refusal = null;
    this.#repeats = 0;
    const wasTold = this.#told !== undefined;
    this.#told = undefined;
    this.#is.onRefusal();
    if (wasTold) this.#is.tell({ level: "info", message: "Orders are followed again." });
  }
}

/** A full or broken disk, by a system call's error or SQLite's. */
function isOfDisk(thrown: unknown): thrown is Error {
  const { syscall, code } = (thrown ?? {}) as { syscall?: unknown; code?: unknown };
  return thrown instanceof Error && (typeof syscall === "string" || code === "ERR_SQLITE_ERROR");
}

const unusable = (cause: Error) =>
  new SartorError("SRT_STATE_UNUSABLE", `What was verified could not be kept on this device: ${cause.message}.`, {
    cause,
  });
