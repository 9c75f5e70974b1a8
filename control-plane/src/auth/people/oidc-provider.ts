import * as oidc from "openid-client";
import type { Clock, OidcSettings } from "../../config/index.js";

/** Longest wait for the identity provider, s. */
const TIMEOUT_SECONDS = 10;
/** How long what it says of itself is believed, ms. */
const DISCOVERED_FOR_MS = 3_600_000;

/** What the identity provider says of itself, asked for when it is first needed: it need not run when the control plane starts. */
export class OidcProvider {
  #discovered: Promise<oidc.Configuration> | undefined;
  #discoveredAt = 0;

  constructor(
    private readonly settings: OidcSettings,
    private readonly clock: Clock,
  ) {}

  configuration(): Promise<oidc.Configuration> {
    const now = this.clock.now();
    if (this.#discovered === undefined || now - this.#discoveredAt >= DISCOVERED_FOR_MS) {
      const asked = this.#discover();
      this.#discovered = asked;
      this.#discoveredAt = now;
      // Asked again with the next login.
      asked.catch(() => {
        if (this.#discovered === asked) this.#discovered = undefined;
      });
    }
    return this.#discovered;
  }

  #discover(): Promise<oidc.Configuration> {
    const { issuer, clientId, clientSecret } = this.settings;
    const authentication = clientSecret === undefined ? oidc.None() : oidc.ClientSecretBasic(clientSecret);
    // The settings take http for this machine only.
    const insecure = issuer.protocol === "http:" ? [oidc.allowInsecureRequests] : [];
    // OpenID Connect lets a client trust the connection alone (Core 1.0, section 3.1.3.7, step 6); the signature is checked, too.
    const execute = [...insecure, oidc.enableNonRepudiationChecks];
    return oidc.discovery(issuer, clientId, undefined, authentication, { timeout: TIMEOUT_SECONDS, execute });
  }
}
