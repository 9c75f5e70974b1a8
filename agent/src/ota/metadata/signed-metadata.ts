import { TRUST_LIMITS } from "@sartor/shared/protocol";
import { z } from "zod";

const versionSchema = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const roleSchema = z.object({ keyids: z.array(z.string()).max(64), threshold: z.number().int().min(1) });
const keysSchema = z.record(z.string(), z.object({ keyval: z.record(z.string(), z.unknown()) }));

/** What every role's metadata says about itself. */
const headerSchema = z.object({
  signed: z.object({ _type: z.string(), version: versionSchema, expires: z.string() }),
});

const rootSchema = z.object({
  signed: z.object({
    _type: z.literal("root"),
    version: versionSchema,
    expires: z.string(),
    consistent_snapshot: z.boolean(),
    keys: keysSchema,
    roles: z.object({ root: roleSchema, timestamp: roleSchema, snapshot: roleSchema, targets: roleSchema }),
  }),
});
export type RootMetadata = z.infer<typeof rootSchema>["signed"];

const snapshotSchema = z.object({
  signed: z.object({ _type: z.literal("snapshot"), meta: z.record(z.string(), z.object({ version: versionSchema })) }),
});

const targetsSchema = z.object({
  signed: z.object({
    _type: z.literal("targets"),
    version: versionSchema,
    targets: z.record(z.string(), z.unknown()),
    delegations: z
      .object({
        keys: keysSchema,
        roles: z.array(roleSchema.extend({ name: z.string() })).optional(),
        succinct_roles: z.object({ bit_length: z.number().int(), name_prefix: z.string() }).optional(),
      })
      .optional(),
  }),
});
export type TargetsMetadata = z.infer<typeof targetsSchema>["signed"];

/** Thrown for metadata that tuf-js would take, or would choke on, and that Sartor does not. */
export class UnfitMetadataError extends Error {}

/** Names that are a file or a property of something else. */
const RESERVED = new Set(["root", "timestamp", "snapshot", "targets", "__proto__", "constructor", "prototype", ""]);
/** A role's name becomes a file's name, three characters for one at worst. */
const LONGEST_ROLE_NAME = 80;

function parse<T>(schema: z.ZodType<T>, bytes: Uint8Array): T {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw new UnfitMetadataError("it is not JSON");
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new UnfitMetadataError(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "it does not fit"}`);
}

/** @throws UnfitMetadataError */
export const parseHeader = (bytes: Uint8Array) => parse(headerSchema, bytes).signed;
/** @throws UnfitMetadataError */
export const parseRoot = (bytes: Uint8Array): RootMetadata => parse(rootSchema, bytes).signed;
/** @throws UnfitMetadataError */
export const parseSnapshot = (bytes: Uint8Array) => parse(snapshotSchema, bytes).signed;
/** @throws UnfitMetadataError */
export const parseTargets = (bytes: Uint8Array): TargetsMetadata => parse(targetsSchema, bytes).signed;

/**
 * Checks before tuf-js sees metadata: bounds (it parses targets and roles in quadratic time), versions that are whole numbers, no two
 * ids for one key in a role (each id would count towards the threshold), and no role that is named like a file or property of another.
 *
 * @throws UnfitMetadataError
 */
export function checkMetadata(bytes: Uint8Array, kind: "root" | "timestamp" | "snapshot" | "targets"): void {
  if (kind === "root") {
    const root = parseRoot(bytes);
    for (const [name, role] of Object.entries(root.roles)) checkKeys(name, role.keyids, root.keys);
    return;
  }
  if (kind !== "targets") {
    parseHeader(bytes);
    return;
  }
  const { targets, delegations } = parseTargets(bytes);
  const count = Object.keys(targets).length;
  if (count > TRUST_LIMITS.targetsARole)
    throw new UnfitMetadataError(`it has ${count} targets, more than ${TRUST_LIMITS.targetsARole}`);
  if (delegations === undefined) return;
  const roles = delegations.roles ?? [];
  if (roles.length > TRUST_LIMITS.delegatedRoles) {
    throw new UnfitMetadataError(`it delegates to ${roles.length} roles, more than ${TRUST_LIMITS.delegatedRoles}`);
  }
  for (const { name, keyids } of roles) {
    if (RESERVED.has(name) || name.length > LONGEST_ROLE_NAME)
      throw new UnfitMetadataError(`a role may not be named ${JSON.stringify(name.slice(0, LONGEST_ROLE_NAME))}`);
    checkKeys(name, keyids, delegations.keys);
  }
}

function checkKeys(role: string, keyIds: readonly string[], keys: z.infer<typeof keysSchema>): void {
  const seen = new Set<unknown>();
  for (const id of new Set(keyIds)) {
    const key = Object.hasOwn(keys, id) ? keys[id]?.keyval.public : undefined;
    if (key === undefined) continue;
    if (seen.has(key)) throw new UnfitMetadataError(`role ${JSON.stringify(role)} has one key under two ids`);
    seen.add(key);
  }
}
