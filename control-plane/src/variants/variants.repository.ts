import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { VariantCard, VariantKind } from "@sartor/shared/protocol";
import { type Kysely, sql } from "kysely";
import { Database, isUniqueViolation } from "../database/index.js";
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
      if (same !== undefined) {
        await revive(db, same.variant_id, variant);
        return same.variant_id;
      }
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
          replaced_at: null,
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

  /**
   * Offers a variant whose bundle is there, in the place of the one of its name that was offered before.
   *
   * @throws SartorError SRT_CONFLICT where another of its name was offered at the same moment
   */
  offer(variantId: string, known: OfferFacts): Promise<void> {
    return this.database
      .transaction<VariantTables, void>((db) => offerVariant(db, variantId, known))
      .catch(explainOfferConflict);
  }

  /** Gives back what is not to be offered after all and was offered before; false where it never was. */
  async shelve(variantId: string): Promise<boolean> {
    const shelved = await this.database
      .tables<VariantTables>()
      .updateTable("model_variant")
      .set({ status: "replaced" })
      .where("variant_id", "=", variantId)
      .where("status", "=", "bundling")
      .where("replaced_at", "is not", null)
      .executeTakeFirst();
    return shelved.numUpdatedRows > 0n;
  }

  /** Whether a variant is one that nobody was ever offered. */
  async isNew(variantId: string): Promise<boolean> {
    const row = await this.database
      .tables<VariantTables>()
      .selectFrom("model_variant")
      .select(["status", "replaced_at"])
      .where("variant_id", "=", variantId)
      .executeTakeFirst();
    return row?.status === "bundling" && row.replaced_at === null;
  }

  /** Removes a variant and lets go of its content. */
  remove(variantId: string): Promise<void> {
    return this.database.transaction<VariantTables, void>(async (db) => {
      await db.deleteFrom("model_variant").where("variant_id", "=", variantId).execute();
      await db.deleteFrom("blob_reference").where("owner", "=", `${OWNER}${variantId}`).execute();
    });
  }

  /** Ids of all variants that a version ever had. */
  async ofVersion(versionId: string): Promise<string[]> {
    const rows = await this.database
      .tables<VariantTables>()
      .selectFrom("model_variant")
      .select("variant_id")
      .where("version_id", "=", versionId)
      .execute();
    return rows.map((row) => row.variant_id);
  }

  /** Variants that were replaced before some time, in the order of their ids, after one of them. */
  async findReplaced(replacedBefore: number, after: string, limit: number): Promise<string[]> {
    const rows = await this.database
      .tables<VariantTables>()
      .selectFrom("model_variant")
      .select("variant_id")
      .where("status", "=", "replaced")
      .where("replaced_at", "<", replacedBefore)
      .where("variant_id", ">", after)
      .orderBy("variant_id")
      .limit(limit)
      .execute();
    return rows.map((row) => row.variant_id);
  }

  /** Removes variants that were never offered because the process ended, and lets go of the content of those that are no more. */
  async clear(): Promise<void> {
    const db = this.database.tables<VariantTables>();
    await db
      .updateTable("model_variant")
      .set({ status: "replaced" })
      .where("status", "=", "bundling")
      .where("replaced_at", "is not", null)
      .execute();
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

/** What is known of a variant when it is offered. */
export interface OfferFacts {
  readonly card: VariantCard;
  /** Digest of all that it was made from; null where nobody asked for it. */
  readonly inputs: string | null;
  /** When it is offered, ms since 1970. */
  readonly now: number;
}

/**
 * What is offered again is made whole before that: it refers to its content as a new one does, whether that was collected since or not.
 * Whoever collects it at the same moment changes the same row, so that one waits for the other.
 */
async function revive(db: Kysely<VariantTables>, variantId: string, content: BuiltVariant): Promise<void> {
  const revived = await db
    .updateTable("model_variant")
    .set({ status: "bundling" })
    .where("variant_id", "=", variantId)
    .where("status", "in", ["replaced", "removed"])
    .executeTakeFirst();
  if (revived.numUpdatedRows > 0n) await referBlobs(db, `${OWNER}${variantId}`, [content.digest, content.goldenDigest]);
}

/**
 * Within a later module's transaction: lets go of the content of a variant that was replaced; what is known of it stays. Whether anybody
 * needs it, the caller has found out.
 *
 * @returns false where it is not replaced any more, or was later than `replacedBefore`
 */
export async function retireVariant<T extends VariantTables>(
  transaction: Kysely<T>,
  variantId: string,
  replacedBefore: number,
): Promise<boolean> {
  const db = transaction as unknown as Kysely<VariantTables>;
  const retired = await db
    .updateTable("model_variant")
    .set({ status: "removed" })
    .where("variant_id", "=", variantId)
    .where("status", "=", "replaced")
    .where("replaced_at", "<", replacedBefore)
    .executeTakeFirst();
  if (retired.numUpdatedRows === 0n) return false;
  await db.deleteFrom("blob_reference").where("owner", "=", `${OWNER}${variantId}`).execute();
  return true;
}

/** Two that each replaced what was offered before: the database lets one of them through. */
export function explainOfferConflict(error: unknown): never {
  if (!isUniqueViolation(error)) throw error;
  throw new SartorError(
    "SRT_CONFLICT",
    "Another variant of this name was offered for the version at the same moment; order the build again.",
    { cause: error },
  );
}

/** As {@link VariantsRepository.offer}, within a transaction; throws what the database throws. */
export async function offerVariant(db: Kysely<VariantTables>, variantId: string, known: OfferFacts): Promise<void> {
  const { version_id, name, card } = await db
    .selectFrom("model_variant")
    .select(["version_id", "name", "card"])
    .where("variant_id", "=", variantId)
    .executeTakeFirstOrThrow();
  await db
    .updateTable("model_variant")
    .set({ status: "replaced", replaced_at: known.now })
    .where("version_id", "=", version_id)
    .where("name", "=", name)
    .where("status", "=", "offered")
    .execute();
  await db
    .updateTable("model_variant")
    .set({
      status: "offered",
      card: JSON.stringify(withKnownAccuracy(known.card, card)),
      inputs: known.inputs,
      replaced_at: null,
    })
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
