import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSettings, PublicAddresses, type Settings, SystemIds } from "../../config/index.js";
import { Database } from "../../database/index.js";
import { EventBus } from "../../events/index.js";
import { SetClock } from "../../testing/set-clock.js";
import { OperatorToken } from "../operator-token.js";
import { ApiTokens } from "../people/api-tokens.service.js";
import { CredentialsRepository } from "../people/credentials.repository.js";
import { Credentials } from "../people/credentials.service.js";
import { LoginLimits } from "../people/login-limits.js";
import { OidcLogins } from "../people/oidc-logins.service.js";
import type { PasswordCost } from "../people/password-hash.js";
import { PasswordHasher } from "../people/password-hasher.js";
import { PeopleRepository } from "../people/people.repository.js";
import { Sessions } from "../people/sessions.service.js";
import { Users } from "../people/users.service.js";

/** What passwords of tests are hashed with: quick, and not for use. */
export const QUICK_COST: PasswordCost = { algorithm: "argon2id", m: 64, t: 1, p: 1 };

class QuickHasher extends PasswordHasher {
  override get cost(): PasswordCost {
    return QUICK_COST;
  }
}

/** For tests: all that knows people, on a database of its own. */
export class TestPeople {
  readonly events = new EventBus();
  readonly people: PeopleRepository;
  readonly users: Users;
  readonly sessions: Sessions;
  readonly tokens: ApiTokens;
  readonly credentials: Credentials;
  readonly oidc: OidcLogins;

  private constructor(
    private readonly folder: string,
    readonly database: Database,
    readonly clock: SetClock,
    readonly settings: Settings,
    readonly operator: OperatorToken,
  ) {
    const ids = new SystemIds(clock);
    const addresses = new PublicAddresses(settings);
    const kept = new CredentialsRepository(database);
    const hasher = new QuickHasher();
    const limits = new LoginLimits(clock, settings);
    this.people = new PeopleRepository(database);
    this.users = new Users(this.people, kept, hasher, this.events, clock, ids, settings);
    this.sessions = new Sessions(this.people, kept, hasher, limits, this.events, clock, ids, settings);
    this.tokens = new ApiTokens(kept, this.events, clock, ids);
    this.credentials = new Credentials(operator, this.sessions, this.tokens, this.users, addresses);
    this.oidc = new OidcLogins(settings, addresses, this.people, this.sessions, this.events, clock, ids);
  }

  static async open(environment: Record<string, string> = {}): Promise<TestPeople> {
    const folder = await mkdtemp(join(tmpdir(), "sartor-people-"));
    const clock = new SetClock(1_800_000_000_000);
    const settings = loadSettings({ SARTOR_STATE_DIR: folder, SARTOR_LOGINS_PER_MINUTE: "100", ...environment });
    const database = await Database.open(`sqlite:${join(folder, "db.sqlite")}`);
    return new TestPeople(folder, database, clock, settings, await OperatorToken.load(folder, new SystemIds(clock)));
  }

  /** Logs in with a password. */
  logIn(userName: string, password: string, kind: "cookie" | "bearer" = "bearer") {
    return this.sessions.logIn({ userName, password, kind }, "192.0.2.1", () => undefined);
  }

  async close(): Promise<void> {
    await this.database.close();
    await rm(this.folder, { recursive: true });
  }
}
