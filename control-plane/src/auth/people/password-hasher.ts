import { Injectable } from "@nestjs/common";
import { rateLimited } from "../strangers-limit.js";
import { CURRENT_COST, checkPassword, hashPassword, type PasswordCost } from "./password-hash.js";

/** Hashes under way at once: each takes 64 MiB and a core. */
const AT_ONCE = 2;
/** Requests that wait for their turn; more are sent away. */
const MOST_WAITING = 64;
const TRY_AGAIN_MS = 2_000;

/** Hashes passwords, a few at a time, so that a flood of logins takes neither the memory nor every thread. */
@Injectable()
export class PasswordHasher {
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  /** Checked against where there is no such user, so that it takes as long. */
  #nobody: Promise<string> | undefined;

  /** What new passwords are hashed with; tests have their own. */
  get cost(): PasswordCost {
    return CURRENT_COST;
  }

  /** @throws SartorError SRT_RATE_LIMITED when too many wait already */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => hashPassword(password, this.cost));
  }

  /** Checks a password; with no stored hash it takes as long and does not match. */
  check(password: string, stored: string | null): Promise<{ readonly matches: boolean; readonly outdated: boolean }> {
    return this.#inTurn(async () => {
      this.#nobody ??= hashPassword("nobody has this password", this.cost);
      const checked = await checkPassword(password, stored ?? (await this.#nobody), this.cost);
      return stored === null ? { matches: false, outdated: false } : checked;
    });
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= AT_ONCE) {
      if (this.#waiting.length >= MOST_WAITING) throw rateLimited("Too many logins at once", TRY_AGAIN_MS);
      // Whoever ends hands its place on, so the count stays.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
