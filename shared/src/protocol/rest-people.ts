import { z } from "zod";
import { groupListSchema, groupNameSchema, groupScopeSchema } from "./groups.js";
import { countSchema, lineSchema, shortTextSchema, timestampSchema, ulidSchema } from "./primitives.js";

// --- roles and scopes --------------------------------------------------------------------------

/** What people and programs may do, the least first: each includes the ones before it. */
export const ROLES = ["viewer", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];
export const roleSchema = z.enum(ROLES).meta({ id: "Role" });

/** Tells whether a role includes another. */
export function roleIncludes(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** Parts of the REST interface that an API token can be limited to. */
export const API_SCOPES = ["devices", "models", "rollouts", "trust", "people", "audit", "system"] as const;
export type ApiScope = (typeof API_SCOPES)[number];

/** A user's name: lower case, so that nobody looks like somebody else by case. */
export const userNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._@-]{0,62}$/, "expected 1 to 63 of a-z, 0-9 and . _ @ -, beginning with a letter or digit");

/** Longest password, characters. Whether one is good enough is said by SRT_PASSWORD_WEAK. */
const passwordSchema = z.string().min(1).max(256);

// --- users -------------------------------------------------------------------------------------

export const userRequestSchema = z
  .object({
    userName: userNameSchema,
    role: roleSchema,
    password: passwordSchema,
    /** Only the devices of these groups; all when absent. */
    groups: groupScopeSchema.default(null),
  })
  .strict()
  .meta({ id: "UserRequest" });
export type UserRequest = z.input<typeof userRequestSchema>;

/** `PATCH /api/v1/users/:userName`: a new password or a disabled user ends all of the user's sessions. */
export const userChangeSchema = z
  .object({
    role: roleSchema.optional(),
    password: passwordSchema.optional(),
    disabled: z.boolean().optional(),
    groups: groupScopeSchema.optional(),
  })
  .strict()
  .meta({ id: "UserChange" });
export type UserChange = z.infer<typeof userChangeSchema>;

export const userViewSchema = z
  .object({
    userName: userNameSchema,
    role: roleSchema,
    groups: groupScopeSchema,
    /** How the user logs in: here, or at the identity provider, which then says role and groups at each login. */
    login: z.enum(["password", "oidc"]),
    disabled: z.boolean(),
    createdAt: timestampSchema,
    lastLoginAt: timestampSchema.nullable(),
    sessions: countSchema,
  })
  .meta({ id: "User" });
export type UserView = z.infer<typeof userViewSchema>;
export const userListSchema = z.object({ items: z.array(userViewSchema) }).meta({ id: "UserList" });

// --- sessions ----------------------------------------------------------------------------------

/** `POST /api/v1/session`: browsers get a cookie that no script can read, programs a token. */
export const loginRequestSchema = z
  .object({
    userName: z.string().min(1).max(63),
    password: passwordSchema,
    kind: z.enum(["cookie", "bearer"]).default("cookie"),
  })
  .strict()
  .meta({ id: "LoginRequest" });
export type LoginRequest = z.infer<typeof loginRequestSchema>;

/** Who is behind a credential. */
export const whoSchema = z
  .object({
    kind: z.enum(["user", "api_token", "operator_token"]),
    name: shortTextSchema,
    role: roleSchema,
    /** Parts of the REST interface that an API token is limited to; null means all. */
    scopes: z.array(z.enum(API_SCOPES)).nullable(),
    /** Groups of devices that it is for; null means all. None where a token and its owner have none in common any more. */
    groups: z.array(groupNameSchema).nullable(),
    expiresAt: timestampSchema.nullable(),
    /** Goes with every request of a page that changes something, as the header `x-sartor-csrf`; only with a cookie. */
    csrf: z.string().nullable(),
  })
  .meta({ id: "Who" });
export type Who = z.infer<typeof whoSchema>;

export const loginReplySchema = z
  .object({ who: whoSchema, /** Only where a token was asked for; shown this once. */ token: z.string().nullable() })
  .meta({ id: "LoginReply" });
export type LoginReply = z.infer<typeof loginReplySchema>;

/** `GET /api/v1/session/options`, without a credential: what the login page has to offer, and who its cookie stands for. */
export const loginOptionsSchema = z
  .object({ password: z.boolean(), oidc: z.boolean(), operatorToken: z.boolean(), who: whoSchema.nullable() })
  .meta({ id: "LoginOptions" });
export type LoginOptions = z.infer<typeof loginOptionsSchema>;

export const passwordChangeSchema = z
  .object({ current: passwordSchema, next: passwordSchema })
  .strict()
  .meta({ id: "PasswordChange" });
export type PasswordChange = z.infer<typeof passwordChangeSchema>;

// --- API tokens --------------------------------------------------------------------------------

export const apiTokenRequestSchema = z
  .object({
    name: shortTextSchema.min(1).max(128),
    role: roleSchema,
    scopes: z.array(z.enum(API_SCOPES)).min(1).max(API_SCOPES.length).optional(),
    /** Only the devices of these groups; as far as its owner may when absent. */
    groups: groupListSchema.optional(),
    lifetimeDays: z.number().int().min(1).max(366).default(90),
  })
  .strict()
  .meta({ id: "ApiTokenRequest" });
export type ApiTokenRequest = z.infer<typeof apiTokenRequestSchema>;

export const apiTokenViewSchema = z
  .object({
    tokenId: ulidSchema,
    name: shortTextSchema,
    role: roleSchema,
    scopes: z.array(z.enum(API_SCOPES)).nullable(),
    groups: groupScopeSchema,
    /** The user whose rights bound it; null where the operator token made it. */
    owner: userNameSchema.nullable(),
    createdAt: timestampSchema,
    expiresAt: timestampSchema,
    lastUsedAt: timestampSchema.nullable(),
    revokedAt: timestampSchema.nullable(),
  })
  .meta({ id: "ApiToken" });
export type ApiTokenView = z.infer<typeof apiTokenViewSchema>;
export const apiTokenListSchema = z.object({ items: z.array(apiTokenViewSchema) }).meta({ id: "ApiTokenList" });

export const apiTokenReplySchema = z
  .object({ tokenId: ulidSchema, /** Shown this once. */ token: z.string(), expiresAt: timestampSchema })
  .meta({ id: "ApiTokenReply" });
export type ApiTokenReply = z.infer<typeof apiTokenReplySchema>;

/** `GET` and `PUT /api/v1/operator-token`: whether the token of the state folder counts. */
export const operatorTokenStateSchema = z.object({ enabled: z.boolean() }).strict().meta({ id: "OperatorTokenState" });
export type OperatorTokenState = z.infer<typeof operatorTokenStateSchema>;

// --- audit -------------------------------------------------------------------------------------

const hashSchema = z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hex digits");

/** One thing that somebody did, or tried. What is hashed is its canonical JSON: see shared/domain/audit. */
export const auditEntrySchema = z
  .object({
    /** 1 for the first entry, then without a gap. */
    sequence: countSchema,
    at: timestampSchema,
    actor: z.object({
      kind: z.enum(["user", "api_token", "operator_token", "device", "system", "anonymous"]),
      id: lineSchema(128).nullable(),
      name: lineSchema(256).nullable(),
      role: roleSchema.nullable(),
    }),
    /** Where the request came from; null for what the system did. */
    address: lineSchema(128).nullable(),
    /** Method and pattern of the route, or the name of an event. */
    action: lineSchema(256),
    /** What it was done to, e.g. `{ deviceId }`. */
    target: z.record(lineSchema(64), lineSchema(256)),
    /** `ok`, or the code of the error. */
    outcome: lineSchema(64),
    /** HTTP status; null for an event. */
    status: countSchema.nullable(),
    correlationId: lineSchema(128).nullable(),
  })
  .meta({ id: "AuditEntry" });
export type AuditEntry = z.infer<typeof auditEntrySchema>;

/** An entry in the chain. */
export const chainedAuditEntrySchema = z
  .object({ entry: auditEntrySchema, previousHash: hashSchema, hash: hashSchema })
  .meta({ id: "ChainedAuditEntry" });
export type ChainedAuditEntry = z.infer<typeof chainedAuditEntrySchema>;

/** What is younger is never pruned, ms: nobody removes the traces of what was just done. */
export const AUDIT_YOUNGEST_PRUNED_MS = 30 * 86_400_000;

/** `POST /api/v1/audit/prune`. */
export const auditPruneRequestSchema = z
  .object({
    /** What was written before goes; at least 30 days ago. */
    before: timestampSchema,
  })
  .meta({ id: "AuditPruneRequest" });
export type AuditPruneRequest = z.infer<typeof auditPruneRequestSchema>;
export const auditPruneReplySchema = z.object({ removed: countSchema }).meta({ id: "AuditPruneReply" });
export type AuditPruneReply = z.infer<typeof auditPruneReplySchema>;

/** `GET /api/v1/audit/head`: keep it elsewhere, and cutting off the end of the log shows, too. */
export const auditHeadSchema = z.object({ sequence: countSchema, hash: hashSchema }).meta({ id: "AuditHead" });
export type AuditHead = z.infer<typeof auditHeadSchema>;
