/** Most keys (devices, addresses) whose pace is remembered; the one that sent longest ago is forgotten first. */
const MAXIMUM_KEYS = 40_000;

/**
 * How fast each key may send: a bucket that may fall below empty, because what was read was read; the debt is waited for. Time is passed in.
 */
export class PacketPace {
  readonly #perMinute: number;
  readonly #buckets = new Map<string, { left: number; at: number }>();

  /** @param perMinute packets in a minute; after a pause as many at once */
  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /**
   * Notes that packets were read.
   *
   * @param now ms; a clock that goes back gives nothing
   * @returns how long to wait before more is read, ms
   */
  take(key: string, packets: number, now: number): number {
    const perMs = this.#perMinute / 60_000;
    const bucket = this.#buckets.get(key) ?? { left: this.#perMinute, at: now };
    bucket.left = Math.min(this.#perMinute, bucket.left + Math.max(0, now - bucket.at) * perMs) - packets;
    bucket.at = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    const oldest = this.#buckets.keys().next();
    if (this.#buckets.size > MAXIMUM_KEYS && !oldest.done) this.#buckets.delete(oldest.value);
    return bucket.left >= 0 ? 0 : Math.ceil(-bucket.left / perMs);
  }
}
