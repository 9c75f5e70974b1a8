import { z } from "zod";
import { countSchema } from "./primitives.js";

/** A group of devices, such as a plant or a customer. Groups exist by being named: a device is in exactly one. */
export const groupNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "expected 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit");

/** Where devices are that nobody put anywhere else. */
export const DEFAULT_GROUP = "default";

/** Most groups that a person, a token or a rollout names. */
export const MOST_GROUPS = 64;

/** Some groups, each once. */
export const groupListSchema = z
  .array(groupNameSchema)
  .min(1)
  .max(MOST_GROUPS)
  .refine((groups) => new Set(groups).size === groups.length, "expected each group once");

/** The groups whose devices somebody may see and change, according to their role; null means all, those to come among them. */
export const groupScopeSchema = groupListSchema.nullable();
export type GroupScope = readonly string[] | null;

/** Tells whether a scope includes a group. */
export function scopeIncludes(scope: GroupScope, group: string): boolean {
  return scope === null || scope.includes(group);
}

/** What two scopes have in common; an empty list where that is nothing. */
export function intersectScopes(one: GroupScope, other: GroupScope): GroupScope {
  if (one === null) return other;
  return other === null ? one : one.filter((group) => other.includes(group));
}

/** `GET /api/v1/groups`: groups that have devices, by name, as far as whoever asks may see them. */
export const groupsReplySchema = z
  .object({ items: z.array(z.object({ group: groupNameSchema, devices: countSchema })) })
  .meta({ id: "GroupsReply" });
export type GroupsReply = z.infer<typeof groupsReplySchema>;
