import { Injectable } from "@nestjs/common";
import { deviceIdSchema } from "@sartor/shared/protocol";
import { EventBus } from "../events/index.js";
import { AuthRepository } from "./auth.repository.js";
import { hashSecret, secretsEqual } from "./secrets.js";

/** Most secret hashes kept in memory, so that chunk after chunk does not ask the database. */
const CACHE_SIZE = 20_000;

/** Says whether a device is who it claims to be. */
@Injectable()
export class DeviceCredentials {
  /** Hash by device, the longest unused first. */
  readonly #cache = new Map<string, string>();
  /** Rises with each revocation: a hash that was read before one must not enter the cache after it. */
  #revocations = 0;

  constructor(
    private readonly repository: AuthRepository,
    private readonly events: EventBus,
  ) {}

  /** True when the device is enrolled and this is its secret. */
  async verify(deviceId: string, secret: string): Promise<boolean> {
    if (secret.length > 256 || !deviceIdSchema.safeParse(deviceId).success) return false;
    const hash = await this.#hashOf(deviceId);
    return hash !== undefined && secretsEqual(hash, hashSecret(secret));
  }

  /** Ends a device's access at once: its live session is closed by whoever listens to `device.revoked`. */
  async revoke(deviceId: string): Promise<void> {
    await this.repository.deleteCredential(deviceId);
    this.#revocations++;
    this.#cache.delete(deviceId);
    this.events.emit("device.revoked", { deviceId });
  }

  async #hashOf(deviceId: string): Promise<string | undefined> {
    const cached = this.#cache.get(deviceId);
    if (cached !== undefined) {
      this.#cache.delete(deviceId);
      this.#cache.set(deviceId, cached);
      return cached;
    }
    const before = this.#revocations;
    const hash = await this.repository.secretHashOf(deviceId);
    if (hash === undefined || before !== this.#revocations) return hash;
    this.#cache.set(deviceId, hash);
    const oldest = this.#cache.keys().next();
    if (this.#cache.size > CACHE_SIZE && !oldest.done) this.#cache.delete(oldest.value);
    return hash;
  }
}
