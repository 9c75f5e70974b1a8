import type { SchemaMigration } from "../migration.js";
import { devicesMigration } from "./0001-devices.js";
import { modelsMigration } from "./0010-models.js";
import { bundlesMigration } from "./0020-bundles.js";
import { rolloutsMigration } from "./0030-rollouts.js";
import { telemetryMigration } from "./0040-telemetry.js";
import { deviceEventsMigration } from "./0050-device-events.js";
import { variantsMigration } from "./0060-variants.js";
import { tailoringMigration } from "./0070-tailoring.js";
import { offeredVariantsMigration } from "./0080-offered-variants.js";
import { certificatesMigration } from "./0085-certificates.js";
import { signingMigration } from "./0090-signing.js";
import { peopleMigration } from "./0095-people.js";
import { heldOrdersMigration } from "./0100-held-orders.js";
import { deltasMigration } from "./0110-deltas.js";
import { groupsMigration } from "./0130-groups.js";

/** All migrations; the name decides the order. */
export const MIGRATIONS: readonly SchemaMigration[] = [
  devicesMigration,
  modelsMigration,
  bundlesMigration,
  rolloutsMigration,
  telemetryMigration,
  deviceEventsMigration,
  variantsMigration,
  tailoringMigration,
  offeredVariantsMigration,
  certificatesMigration,
  signingMigration,
  peopleMigration,
  heldOrdersMigration,
  deltasMigration,
  groupsMigration,
];
