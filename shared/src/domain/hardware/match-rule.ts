import { z } from "zod";

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

/** Which devices a profile is about. */
export const profileMatchSchema = z
  .object({
    /** The higher wins when several profiles match: 0 safe, 10 to 19 an instruction set, 50 a chip, 60 to 69 a card by its age, 100 a module or board. */
    priority: z.number().int().min(0).max(100),
    /** Every rule must hold. */
    all: z.array(matchRuleSchema).min(1).max(16),
    /** If given, at least one must hold. */
    any: z.array(matchRuleSchema).min(1).max(16).optional(),
    /** None may hold. */
    none: z.array(matchRuleSchema).min(1).max(16).optional(),
  })
  .strict();
