import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { Digest, RuntimeSettings } from "@sartor/shared/protocol";
import { Database } from "../database/index.js";
import type { ModelVariantTable, VariantTables } from "./variants.tables.js";

/** A variant whose content is there. */
export interface BuiltVariant {
  readonly variantId: string;
  readonly versionId: string;
  readonly name: string;
  readonly precision: "fp32";
  readonly digest: Digest;
  readonly bytes: number;
  readonly runtime: RuntimeSettings;
}

/** Variants and their jobs in the database. */
@Injectable()
export class VariantsRepository {
  constructor(private readonly database: Database) {}

  async enqueue(
    variant: Pick<BuiltVariant, "variantId" | "versionId" | "name" | "precision" | "runtime">,
    now: number,
  ): Promise<void> {
    await this.database
      .tables<VariantTables>()
      .insertInto("model_variant")
      .values({
        variant_id: variant.variantId,
        version_id: variant.versionId,
        name: variant.name,
        precision: variant.precision,
        status: "queued",
        digest: null,
        bytes: null,
        runtime: JSON.stringify(variant.runtime),
        error: null,
        created_at: now,
        finished_at: null,
      })
      .execute();
  }

  async finish(variantId: string, content: { digest: Digest; bytes: number }, now: number): Promise<void> {
    await this.database
      .tables<VariantTables>()
      .updateTable("model_variant")
      .set({ status: "succeeded", digest: content.digest, bytes: content.bytes, finished_at: now })
      .where("variant_id", "=", variantId)
      .execute();
  }

  /** @throws SartorError SRT_NOT_FOUND where there is no such variant or it is not made yet */
  async built(variantId: string): Promise<BuiltVariant> {
    const row = await this.database
      .tables<VariantTables>()
      .selectFrom("model_variant")
      .selectAll()
      .where("variant_id", "=", variantId)
      .executeTakeFirst();
    const variant = row === undefined ? undefined : toBuilt(row);
    if (variant === undefined) throw new SartorError("SRT_NOT_FOUND", `There is no finished variant ${variantId}.`);
    return variant;
  }

  async ofVersion(versionId: string): Promise<BuiltVariant[]> {
    const rows = await this.database
      .tables<VariantTables>()
      .selectFrom("model_variant")
      .selectAll()
      .where("version_id", "=", versionId)
      .orderBy("variant_id")
      .execute();
    return rows.flatMap((row) => toBuilt(row) ?? []);
  }
}

function toBuilt(row: ModelVariantTable): BuiltVariant | undefined {
  if (row.digest === null || row.bytes === null) return undefined;
  return {
    variantId: row.variant_id,
    versionId: row.version_id,
    name: row.name,
    precision: row.precision as "fp32",
    digest: row.digest,
    bytes: row.bytes,
    runtime: JSON.parse(row.runtime) as RuntimeSettings,
  };
}
