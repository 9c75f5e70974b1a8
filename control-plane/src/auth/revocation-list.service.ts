import { Injectable } from "@nestjs/common";
import { Clock } from "../config/index.js";
import { CertificateAuthority } from "./certificate-authority.js";
import { CertificatesRepository } from "./certificates.repository.js";
import type { SignedList } from "./revocation-list.js";

/** How long a list counts, ms: an external broker that cannot fetch a new one goes on for as long. */
const LIFE_MS = 7 * 86_400_000;
/** After what time a list is made anew although nobody's access ended, ms: renewals end certificates too. */
const RENEW_AFTER_MS = 3_600_000;

/** The revocation list for external brokers; the control plane itself asks its database. */
@Injectable()
export class RevocationList {
  #list: Promise<SignedList> | undefined;
  #madeAt = 0;

  constructor(
    private readonly authority: CertificateAuthority,
    private readonly repository: CertificatesRepository,
    private readonly clock: Clock,
  ) {}

  /** The list as of now: after {@link outdate}, one that was signed later. */
  current(): Promise<SignedList> {
    const now = this.clock.now();
    if (this.#list === undefined || now - this.#madeAt >= RENEW_AFTER_MS || now < this.#madeAt) {
      this.#madeAt = now;
      const list = this.#sign(now);
      this.#list = list;
      list.catch(() => {
        if (this.#list === list) this.#list = undefined;
      });
    }
    return this.#list;
  }

  /** Some device's access ended. */
  outdate(): void {
    this.#list = undefined;
  }

  async #sign(now: number): Promise<SignedList> {
    return this.authority.signRevocationList(await this.repository.revoked(now), now, LIFE_MS);
  }
}
