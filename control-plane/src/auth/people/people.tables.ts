import type { Role } from "@sartor/shared/protocol";

/** Users: people who log in. */
export interface PersonTable {
  person_id: string;
  user_name: string;
  role: Role;
  /** With its algorithm and parameters; null for who logs in at the identity provider. */
  password_hash: string | null;
  oidc_issuer: string | null;
  oidc_subject: string | null;
  disabled_at: number | null;
  created_at: number;
  last_login_at: number | null;
  /** Groups of devices, as JSON; null means all. */
  groups: string | null;
}

/** Logins. Only the hash of the secret is kept. */
export interface PersonSessionTable {
  token_hash: string;
  person_id: string;
  kind: "cookie" | "bearer";
  address: string;
  created_at: number;
  last_used_at: number;
  expires_at: number;
}

/** Credentials of programs. */
export interface ApiTokenTable {
  token_id: string;
  token_hash: string;
  /** The user who made it; null where the operator token did. */
  person_id: string | null;
  name: string;
  role: Role;
  /** JSON; null means all. */
  scopes: string | null;
  created_at: number;
  expires_at: number;
  last_used_at: number | null;
  revoked_at: number | null;
  /** Groups of devices, as JSON; null means as far as its owner may. */
  groups: string | null;
}

/** One row: whether the operator token counts. */
export interface OperatorTokenTable {
  id: number;
  enabled: number;
}

export interface PeopleTables {
  person: PersonTable;
  person_session: PersonSessionTable;
  api_token: ApiTokenTable;
  operator_token: OperatorTokenTable;
}
