import { z } from "zod";
import { type Inventory, inventorySchema, PROTOCOL_VERSION } from "../../protocol/index.js";
import { profileMatchSchema } from "./match-rule.js";
import { partialFactsSchema, profileFactsSchema, sourceSchema } from "./profile-facts.js";

/** What an emulated device of this type reports: an inventory without what belongs to the moment or to the machine that emulates. */
export const referenceInventorySchema = inventorySchema.omit({
  schemaVersion: true,
  collectedAt: true,
  emulated: true,
  emulatedProfile: true,
  runtime: true,
});
export type ReferenceInventory = z.infer<typeof referenceInventorySchema>;

const idSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{1,62}$/, "expected 2 to 63 of a-z, 0-9 and -");
const headerSchema = z.object({
  $schema: z.string().max(256).optional(),
  profileVersion: z.literal(1),
  id: idSchema,
  title: z.string().min(1).max(128),
});
const sourcesSchema = z.array(sourceSchema).max(64);

/** Templates that a file builds on, in order: later ones and the file itself override earlier ones (`resolveProfile`). */
const extendsSchema = z.array(idSchema).min(1).max(8);

/** Facts that several profiles share, in `firmware-profiles/templates/`; its name is the id. */
export const profileTemplateSchema = headerSchema
  .extend({ extends: extendsSchema.optional(), sources: sourcesSchema.optional() })
  .extend(partialFactsSchema.shape)
  .strict()
  .meta({ id: "FirmwareProfileTemplate" });
export type ProfileTemplate = z.infer<typeof profileTemplateSchema>;

/**
 * A profile is about a whole device ("device": one fits best), or about an accelerator in it ("accelerator": it adds providers to
 * the device's own profile). So a card and a processor are described once each, and not once a combination.
 */
const roleSchema = z.enum(["device", "accelerator"]);

/** A kind of hardware, as its file says it. One file a device type in `firmware-profiles/profiles/`; its name is the id. */
export const firmwareProfileSchema = headerSchema
  .extend({
    role: roleSchema.optional(),
    extends: extendsSchema.optional(),
    /** Where the facts come from: what was read, and where. */
    sources: sourcesSchema.min(1),
    match: profileMatchSchema,
    referenceInventory: referenceInventorySchema,
  })
  .extend(partialFactsSchema.shape)
  .strict()
  .meta({ id: "FirmwareProfile" });
export type FirmwareProfile = z.infer<typeof firmwareProfileSchema>;

/** A profile with everything that its templates give it. */
export const resolvedProfileSchema = headerSchema
  .extend({
    role: roleSchema,
    extends: extendsSchema.optional(),
    sources: z.array(sourceSchema).min(1).max(256),
    match: profileMatchSchema,
    referenceInventory: referenceInventorySchema,
  })
  .extend(profileFactsSchema.shape)
  .strict()
  .meta({ id: "ResolvedFirmwareProfile" });
export type ResolvedProfile = z.infer<typeof resolvedProfileSchema>;

/** JSON Schema (2020-12) of a profile's file, for editors; `firmware-profiles/schema/` holds it. */
export function firmwareProfileJsonSchema(): unknown {
  return z.toJSONSchema(firmwareProfileSchema, { io: "input", reused: "inline" });
}

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
