/** How many may wait to say who they are. */
export interface WaitingRoomLimits {
  readonly total: number;
  /** From one address. */
  readonly perAddress: number;
}

/**
 * Connections that have not said who they are. A stranger must not keep operators out, not even from the same address (a
 * proxy, a shared line): a newcomer always gets in, and where that is one too many, the one that waited longest makes place.
 * An operator's page says who it is at once.
 */
export class WaitingRoom<T> {
  readonly #limits: WaitingRoomLimits;
  /** Address by who waits, longest first. */
  readonly #waiting = new Map<T, string>();

  constructor(limits: WaitingRoomLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Lets one in; tells who has to make place. */
  enter(one: T, address: string): T | undefined {
    const fromAddress = [...this.#waiting].filter(([, other]) => other === address).map(([waiting]) => waiting);
    const crowd = fromAddress.length >= this.#limits.perAddress ? fromAddress : [...this.#waiting.keys()];
    const full = fromAddress.length >= this.#limits.perAddress || this.#waiting.size >= this.#limits.total;
    const displaced = full ? crowd[0] : undefined;
    if (displaced !== undefined) this.#waiting.delete(displaced);
    this.#waiting.set(one, address);
    return displaced;
  }

  /** It said who it is, or went. */
  leave(one: T): void {
    this.#waiting.delete(one);
  }
}
