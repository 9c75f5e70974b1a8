import { ApiTokens } from "./api-tokens.service.js";
import { CredentialsRepository } from "./credentials.repository.js";
import { Credentials } from "./credentials.service.js";
import { LoginLimits } from "./login-limits.js";
import { OidcController } from "./oidc.controller.js";
import { OidcLogins } from "./oidc-logins.service.js";
import { PasswordHasher } from "./password-hasher.js";
import { PeopleController } from "./people.controller.js";
import { PeopleRepository } from "./people.repository.js";
import { SessionController } from "./session.controller.js";
import { Sessions } from "./sessions.service.js";
import { Users } from "./users.service.js";

/** What the auth module is made of as far as people are concerned. */
export const PEOPLE_CONTROLLERS = [SessionController, PeopleController, OidcController];
export const PEOPLE_PROVIDERS = [
  ApiTokens,
  Credentials,
  CredentialsRepository,
  LoginLimits,
  OidcLogins,
  PasswordHasher,
  PeopleRepository,
  Sessions,
  Users,
];
