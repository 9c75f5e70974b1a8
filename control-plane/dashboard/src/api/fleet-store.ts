import type { DeviceSummary } from "@sartor/shared/protocol";
import type { ShownError } from "./api-error.js";

/** What the fleet page shows. */
export interface FleetSnapshot {
  readonly devices: readonly DeviceSummary[];
  /** False until the whole list was read once. */
  readonly complete: boolean;
  readonly error: ShownError | null;
}

/** How many devices are in which state. */
export interface FleetCounts {
  readonly total: number;
  readonly online: number;
  readonly serving: number;
  readonly failing: number;
}

/** Whether a device wants attention: what it serves fails, or its last deployment did. */
export function isFailing(device: DeviceSummary): boolean {
  const status = device.deployment?.status;
  return device.serving?.state === "failing" || status === "failed" || status === "timed_out" || status === "rejected";
}

/** Counts the fleet for the page's head. */
export function countFleet(devices: readonly DeviceSummary[]): FleetCounts {
  let online = 0;
  let serving = 0;
  let failing = 0;
  for (const device of devices) {
    if (device.presence.status === "online") online += 1;
    if (device.serving?.state === "ready") serving += 1;
    if (isFailing(device)) failing += 1;
  }
  return { total: devices.length, online, serving, failing };
}

/**
 * All devices, read in pages and kept current by live events. Listeners are told in batches, so that ten thousand
 * devices that report every few seconds do not draw the page a thousand times a second.
 */
export class FleetStore {
  readonly #devices = new Map<string, DeviceSummary>();
  readonly #listeners = new Set<() => void>();
  readonly #schedule: (callback: () => void) => void;
  #snapshot: FleetSnapshot = { devices: [], complete: false, error: null };
  #scheduled = false;
  /** Ids that live events brought while a list is being read: fresher than any page of it. */
  #touched: Set<string> | null = null;

  /** @param schedule calls back soon, e.g. after 250 ms */
  constructor(schedule: (callback: () => void) => void) {
    this.#schedule = schedule;
  }

  get snapshot(): FleetSnapshot {
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes a live event's device. */
  apply(device: DeviceSummary): void {
    this.#devices.set(device.deviceId, device);
    this.#touched?.add(device.deviceId);
    this.#announceSoon();
  }

  /** Forgets a device that was removed; a list that is being read may still name it. */
  remove(deviceId: string): void {
    this.#devices.delete(deviceId);
    this.#touched?.add(deviceId);
    this.#announceSoon();
  }

  /** Reads the whole list anew; devices that are no longer in it disappear. Never throws: the error is in the snapshot. */
  async load(pages: AsyncIterable<readonly DeviceSummary[]>, toError: (failure: unknown) => ShownError | null) {
    const touched = new Set<string>();
    const listed = new Set<string>();
    this.#touched = touched;
    try {
      for await (const page of pages) {
        for (const device of page) {
          listed.add(device.deviceId);
          if (!touched.has(device.deviceId)) this.#devices.set(device.deviceId, device);
        }
        this.#announceSoon();
      }
      for (const id of this.#devices.keys()) if (!listed.has(id) && !touched.has(id)) this.#devices.delete(id);
      this.#publish({ complete: true, error: null });
    } catch (failure) {
      const error = toError(failure);
      if (error !== null) this.#publish({ complete: this.#snapshot.complete, error });
    } finally {
      if (this.#touched === touched) this.#touched = null;
    }
  }

  #announceSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      this.#publish({ complete: this.#snapshot.complete, error: this.#snapshot.error });
    });
  }

  #publish(rest: Omit<FleetSnapshot, "devices">): void {
    this.#snapshot = { devices: [...this.#devices.values()], ...rest };
    for (const listener of [...this.#listeners]) listener();
  }
}
