import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { VariantCard, VariantKind } from "@sartor/shared/protocol";
import { type Kysely, sql } from "kysely";
import { Database } from "../database/index.js";
import { canonicalJson, referBlobs } from "../models/index.js";
import type { BuiltVariant } from "./variant.js";
import type { ModelVariantTable, VariantTables } from "./variants.tables.js";

const OWNER = "variant:";

/** Variants in the database. */
@Injectable()
export class VariantsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Adds a variant that nobody is offered yet, and refers to its content.
   *
   * @returns its id, or the id of the variant of the same name, content and way to run that the version has already
   */
  insert(variant: BuiltVariant, now: number): Promise<string> {
    return this.database.transaction<VariantTables, string>(async (db) => {
      const runtime = canonicalJson(variant.runtime);
      const golden = variant.golden === null ? null : canonicalJson(variant.golden);
      const alike = await db
        .selectFrom("model_variant")
        .select(["variant_id", "runtime", "golden"])
        .where("version_id", "=", variant.versionId)
        .where("name", "=", variant.name)
        .where("kind", "=", variant.kind)
        .where("digest", "=", variant.digest)
        .where("golden_digest", "=", variant.goldenDigest)
        .execute();
      // Null is what the version's manifest says, which is also what its fp32 variant is made with.
      const same = alike.find(
        (row) => canonicalJson(JSON.parse(row.runtime)) === runtime && (row.golden === null || row.golden === golden),
      );
      if (same !== undefined) return same.variant_id;
      await db
        .insertInto("model_variant")
        .values({
          variant_id: variant.variantId,
          version_id: variant.versionId,
          name: variant.name,
          kind: variant.kind,
          status: "bundling",
          digest: variant.digest,
          bytes: variant.bytes,
          runtime,
          golden_digest: variant.goldenDigest,
          golden,
          card: null,
          inputs: null,
          created_at: now,
        })
        .execute();
      await referBlobs(db, `${OWNER}${variant.variantId}`, [variant.digest, variant.goldenDigest]);
      return variant.variantId;
    });
  }

  async setCard(variantId: string, card: VariantCard): Promise<void> {
    await this.database
      .tables<VariantTables>()
      .updateTable("model_variant")
      .set({ card: JSON.stringify(card) })
      .where("variant_id", "=", variantId)
      .execute();
  }

  /** Offers a variant whose bundle is there, in the place of the one of its name that was offered before. */
  offer(variantId: string, known: { card: VariantCard; inputs: string | null }): Promise<void> {
    return this.database.transaction<VariantTables, void>((db) => offerVariant(db, variantId, known));
  }

  /** Removes a variant that was never offered, with what hangs on it. */
  discard(variantId: string): Promise<void> {
    return this.database.transaction<VariantTables, void>(async (db) => {
      const removed = await db
        .deleteFrom("model_variant")
        .where("variant_id", "=", variantId)
        .where("status", "=", "bundling")
        .executeTakeFirst();
      if (removed.numDeletedRows === 0n) return;
      await db.deleteFrom("blob_reference").where("owner", "=", `${OWNER}${variantId}`).execute();
    });
  }

  /** Removes variants that were never offered because the process ended, and lets go of the content of those that are no more. */
  async clear(): Promise<void> {
    const db = this.database.tables<VariantTables>();
    await db.deleteFrom("model_variant").where("status", "=", "bundling").execute();
    await db
      .deleteFrom("blob_reference")
      .where("owner", "like", `${OWNER}%`)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom("model_variant")
              .select("variant_id")
              .where(sql<boolean>`blob_reference.owner = ${OWNER} || model_variant.variant_id`),
          ),
        ),
      )
      .execute();
  }

  /** @throws SartorError SRT_NOT_FOUND where there is no such variant */
  async built(variantId: string): Promise<BuiltVariant> {
    const row = await this.database
      .tables<VariantTables>()
      .selectFrom("model_variant")
      .selectAll()
      .where("variant_id", "=", variantId)
      .executeTakeFirst();
    if (row === undefined) throw new SartorError("SRT_NOT_FOUND", `There is no variant ${variantId}.`);
    return toBuilt(row);
  }

  /** The variants of a version that can be rolled out, one a name, in the order in which they were made. */
  async offered(versionId: string): Promise<BuiltVariant[]> {
    const rows = await this.database
      .tables<VariantTables>()
      .selectFrom("model_variant")
      .selectAll()
      .where("version_id", "=", versionId)
      .where("status", "=", "offered")
      .orderBy("variant_id")
      .execute();
    return rows.map(toBuilt);
  }

  /** The variant of a version that is offered under a name and was made from the very same. */
  async findSame(versionId: string, name: string, inputs: string): Promise<string | undefined> {
    const row = await this.database
      .tables<VariantTables>()
      .selectFrom("model_variant")
      .select("variant_id")
      .where("version_id", "=", versionId)
      .where("name", "=", name)
      .where("status", "=", "offered")
      .where("inputs", "=", inputs)
      .executeTakeFirst();
    return row?.variant_id;
  }

  /** Versions whose fp32 variant an older release made, so that nothing is known of it. */
  async versionsWithoutCard(): Promise<string[]> {
    const rows = await this.database
      .tables<VariantTables>()
      .selectFrom("model_variant")
      .select("version_id")
      .where("status", "=", "offered")
      .where("card", "is", null)
      .distinct()
      .execute();
    return rows.map((row) => row.version_id);
  }
}

/** As {@link VariantsRepository.offer}, within a transaction. */
export async function offerVariant(
  db: Kysely<VariantTables>,
  variantId: string,
  known: { card: VariantCard; inputs: string | null },
): Promise<void> {
  const { version_id, name, card } = await db
    .selectFrom("model_variant")
    .select(["version_id", "name", "card"])
    .where("variant_id", "=", variantId)
    .executeTakeFirstOrThrow();
  await db
    .updateTable("model_variant")
    .set({ status: "replaced" })
    .where("version_id", "=", version_id)
    .where("name", "=", name)
    .where("status", "=", "offered")
    .execute();
  await db
    .updateTable("model_variant")
    .set({ status: "offered", card: JSON.stringify(withKnownAccuracy(known.card, card)), inputs: known.inputs })
    .where("variant_id", "=", variantId)
    .execute();
}

/** What was measured of the very same content stays true when it is made again without an evaluation set. */
function withKnownAccuracy(card: VariantCard, before: string | null): VariantCard {
  const { accuracy, lineage } = before === null ? card : (JSON.parse(before) as VariantCard);
  if (card.accuracy !== null || accuracy === null) return card;
  return { ...card, accuracy, lineage: { ...card.lineage, evaluation: lineage.evaluation } };
}

function toBuilt(row: ModelVariantTable): BuiltVariant {
  return {
    variantId: row.variant_id,
    versionId: row.version_id,
    name: row.name,
    kind: row.kind as VariantKind,
    digest: row.digest,
    bytes: row.bytes,
    runtime: JSON.parse(row.runtime),
    goldenDigest: row.golden_digest,
    golden: row.golden === null ? null : JSON.parse(row.golden),
    card: row.card === null ? null : JSON.parse(row.card),
  };
}
