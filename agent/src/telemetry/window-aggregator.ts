import type { TelemetryWindow } from "@sartor/shared/protocol";
import type { Clock } from "../platform/index.js";
import type { Observation, Serving } from "./observation.js";
import { WindowTally } from "./window-tally.js";

/** A wall clock that moved by more than this against the monotonic one was set, ms. */
const CLOCK_JUMP_MS = 1_000;
/** Most bundles with a tally of their own at once: the serving one, and those whose last requests still come in. */
const MAXIMUM_TALLIES = 4;

/** A window that is over: all of a {@link TelemetryWindow} that inference and the clock decide. */
export type ClosedWindow = Pick<TelemetryWindow, "startedAt" | "endedAt" | "serving" | "inference">;

interface OpenWindow {
  readonly serving: Serving | undefined;
  readonly tally: WindowTally;
  readonly startedWall: number;
  readonly startedMonotonic: number;
}

/**
 * Sorts observations into windows. Windows end at multiples of their length by the wall clock, so that the windows of a fleet
 * line up; how long one lasts is measured by the monotonic clock, so that setting the wall clock neither stretches nor
 * loses one. No window mixes two bundles: a change of what serves ends it early, and requests of the old bundle that finish
 * after the swap get a window of their own.
 */
export class WindowAggregator {
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  readonly #windows = new Map<string, OpenWindow>();
  #serving: Serving | undefined;
  #lengthMs: number;
  /** Monotonic time at which the current windows are due. */
  #due: number;

  constructor(clock: Pick<Clock, "now" | "monotonic">, windowSeconds: number, serving?: Serving) {
    this.#clock = clock;
    this.#lengthMs = windowSeconds * 1000;
    this.#serving = serving;
    this.#due = this.#nextDue();
    this.#open(serving);
  }

  /** Time until {@link poll} has windows to give, ms; 0 when it has. */
  get untilDueMs(): number {
    return Math.max(0, this.#due - this.#clock.monotonic());
  }

  /**
   * Counts one request.
   *
   * @param serving the bundle that answered it; what serves now when left out
   * @returns windows that had to be closed early because they were full; mostly none
   */
  observe(observation: Observation, serving: Serving | undefined = this.#serving): ClosedWindow[] {
    const closed: ClosedWindow[] = [];
    const key = keyOf(serving);
    const current = this.#windows.get(key);
    if (current?.tally.full) closed.push(this.#close(key, current));
    else if (current === undefined && this.#windows.size >= MAXIMUM_TALLIES) {
      closed.push(...this.#closeAll());
      this.#open(this.#serving);
    }
    (this.#windows.get(key) ?? this.#open(serving)).tally.add(observation);
    return closed;
  }

  /** Says what serves from now on; a change closes the window of what served before. */
  setServing(serving: Serving | undefined): ClosedWindow[] {
    const before = keyOf(this.#serving);
    this.#serving = serving;
    if (before === keyOf(serving)) return [];
    const window = this.#windows.get(before);
    const closed = window === undefined ? [] : [this.#close(before, window)];
    if (!this.#windows.has(keyOf(serving))) this.#open(serving);
    return closed;
  }

  /** Changes the length of windows; the current one ends at the next multiple of the new length. */
  setWindowSeconds(seconds: number): void {
    if (seconds * 1000 === this.#lengthMs) return;
    this.#lengthMs = seconds * 1000;
    this.#due = this.#nextDue();
  }

  /** The windows whose time is over; an empty one too, since it shows that the device lives. */
  poll(): ClosedWindow[] {
    return this.untilDueMs > 0 ? [] : this.closeAll();
  }

  /** Ends the current windows now, whatever the time, and begins the next. */
  closeAll(): ClosedWindow[] {
    const closed = this.#closeAll();
    this.#due = this.#nextDue();
    this.#open(this.#serving);
    return closed;
  }

  #closeAll(): ClosedWindow[] {
    return [...this.#windows].map(([key, window]) => this.#close(key, window));
  }

  #open(serving: Serving | undefined): OpenWindow {
    const window: OpenWindow = {
      serving,
      tally: new WindowTally(),
      startedWall: Math.max(0, Math.round(this.#clock.now())),
      startedMonotonic: this.#clock.monotonic(),
    };
    this.#windows.set(keyOf(serving), window);
    return window;
  }

  #close(key: string, window: OpenWindow): ClosedWindow {
    this.#windows.delete(key);
    const lasted = Math.max(0, Math.round(this.#clock.monotonic() - window.startedMonotonic));
    const now = Math.max(0, Math.round(this.#clock.now()));
    // Where the clock was set meanwhile, its newer word counts.
    const jumped = Math.abs(now - window.startedWall - lasted) > CLOCK_JUMP_MS;
    const startedAt = jumped ? Math.max(0, now - lasted) : window.startedWall;
    return {
      startedAt,
      endedAt: startedAt + lasted,
      ...(window.serving === undefined ? {} : { serving: window.serving }),
      inference: window.tally.toMessage(),
    };
  }

  #nextDue(): number {
    const wall = this.#clock.now();
    const remaining = this.#lengthMs - (((wall % this.#lengthMs) + this.#lengthMs) % this.#lengthMs);
    // A timer that fires a moment early must not make a window of a moment.
    const shortest = Math.min(1_000, this.#lengthMs / 10);
    return this.#clock.monotonic() + (remaining < shortest ? remaining + this.#lengthMs : remaining);
  }
}

function keyOf(serving: Serving | undefined): string {
  return serving === undefined ? "" : `${serving.bundleId}/${serving.variant}`;
}
