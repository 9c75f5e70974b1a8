import { Injectable } from "@nestjs/common";
import { Gate } from "../../http/index.js";
import { CURRENT_COST, checkPassword, hashPassword, type PasswordCost } from "./password-hash.js";

/** Each hash under way takes 64 MiB and a core. */
const LIMITS = { atOnce: 2, waiting: 64, tryAgainMs: 2_000 };

/** Hashes passwords, a few at a time, so that a flood of logins takes neither the memory nor every thread. */
@Injectable()
export class PasswordHasher {
  readonly #gate = new Gate(LIMITS, "logins");
  /** Checked against where there is no such user, so that it takes as long. */
  #nobody: Promise<string> | undefined;

  /** What new passwords are hashed with; tests have their own. */
  get cost(): PasswordCost {
    return CURRENT_COST;
  }

  /** @throws SartorError SRT_RATE_LIMITED when too many wait already */
  hash(password: string): Promise<string> {
    return this.#gate.run(() => hashPassword(password, this.cost));
  }

  /** Checks a password; with no stored hash it takes as long and does not match. */
  check(password: string, stored: string | null): Promise<{ readonly matches: boolean; readonly outdated: boolean }> {
    return this.#gate.run(async () => {
      this.#nobody ??= hashPassword("nobody has this password", this.cost);
      const checked = await checkPassword(password, stored ?? (await this.#nobody), this.cost);
      return stored === null ? { matches: false, outdated: false } : checked;
    });
  }
}
