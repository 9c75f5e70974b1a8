import { z } from "zod";
import { type Inventory, inventorySchema, PROTOCOL_VERSION } from "../../protocol/index.js";

/** Dotted path of an inventory field; a number picks a list's entry, `*` any entry: `cpu.features.dotprod`, `accelerators.*.computeCapability`. */
const fieldSchema = z
  .string()
  .max(128)
  .regex(/^[A-Za-z]+(\.([A-Za-z0-9]+|\*))*$/, "expected a dotted path such as jetson.module");

const valueSchema = z.union([z.string().max(256), z.number(), z.boolean()]);

/**
 * One condition on one field of the inventory; exactly one comparison. A field that is absent fulfils none of them, except
 * `exists: false`. On a list, `includes` asks for an entry.
 */
export const matchRuleSchema = z
  .object({
    field: fieldSchema,
    equals: valueSchema.optional(),
    oneOf: z.array(valueSchema).min(1).max(64).optional(),
    includes: valueSchema.optional(),
    startsWith: z.string().min(1).max(256).optional(),
    atLeast: z.number().optional(),
    atMost: z.number().optional(),
    exists: z.boolean().optional(),
  })
  .strict()
  .refine((rule) => Object.keys(rule).length === 2, "expected the field and exactly one comparison");
export type MatchRule = z.infer<typeof matchRuleSchema>;

/** What an emulated device of this type reports: an inventory without what belongs to the moment or to the machine that emulates. */
export const referenceInventorySchema = inventorySchema.omit({
  schemaVersion: true,
  collectedAt: true,
  emulated: true,
  emulatedProfile: true,
  runtime: true,
});
export type ReferenceInventory = z.infer<typeof referenceInventorySchema>;

/**
 * A kind of hardware, as data. One file a device type in `firmware-profiles/profiles/`; its name is the id.
 * Parts that only planning needs (budgets, providers, precisions, traps) are optional until a profile has facts for them.
 */
export const firmwareProfileSchema = z
  .object({
    $schema: z.string().max(256).optional(),
    profileVersion: z.literal(1),
    id: z.string().regex(/^[a-z0-9][a-z0-9-]{1,62}$/, "expected 2 to 63 of a-z, 0-9 and -"),
    title: z.string().min(1).max(128),
    /** Where the facts come from: what was read, and where. */
    sources: z
      .array(z.object({ fact: z.string().min(1).max(512), source: z.string().min(1).max(512) }).strict())
      .min(1)
      .max(64),
    match: z
      .object({
        /** The higher wins when several profiles match: 0 generic, 50 a chip, 100 a module or board. */
        priority: z.number().int().min(0).max(100),
        /** Every rule must hold. */
        all: z.array(matchRuleSchema).min(1).max(16),
        /** If given, at least one must hold. */
        any: z.array(matchRuleSchema).min(1).max(16).optional(),
        /** None may hold. */
        none: z.array(matchRuleSchema).min(1).max(16).optional(),
      })
      .strict(),
    referenceInventory: referenceInventorySchema,
  })
  .strict()
  .meta({ id: "FirmwareProfile" });
export type FirmwareProfile = z.infer<typeof firmwareProfileSchema>;

/** The inventory that a device emulating `profileId` reports: marked as emulated, with the runtime that really runs. */
export function toEmulatedInventory(
  profileId: string,
  reference: ReferenceInventory,
  own: { readonly runtime: Inventory["runtime"]; readonly collectedAt: number },
): Inventory {
  return inventorySchema.parse({
    ...reference,
    schemaVersion: PROTOCOL_VERSION,
    collectedAt: own.collectedAt,
    emulated: true,
    emulatedProfile: profileId,
    runtime: own.runtime,
  });
}
