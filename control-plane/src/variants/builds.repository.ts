import { Injectable } from "@nestjs/common";
import type { ErrorBody } from "@sartor/shared/errors";
import type { BuildStatus, VariantName } from "@sartor/shared/protocol";
import type { Kysely } from "kysely";
import { Database } from "../database/index.js";
import { claimDatasets, releaseDatasets } from "../models/index.js";
import type { StoredBuild } from "./stored-build.js";
import { explainOfferConflict, type OfferFacts, offerVariant } from "./variants.repository.js";
import type { VariantBuildStepTable, VariantBuildTable, VariantTables } from "./variants.tables.js";

const OWNER = "build:";
const UNFINISHED: readonly BuildStatus[] = ["queued", "in_progress"];

/** How a step ended. */
export type StepEnd =
  | { readonly status: "succeeded"; readonly variantId: string }
  | { readonly status: "failed"; readonly error: ErrorBody };

/** Builds in the database. What ends or goes on with one only touches a build that has not ended: an operator's cancel always holds. */
@Injectable()
export class BuildsRepository {
  constructor(private readonly database: Database) {}

  /** Adds a build and claims its datasets; false where so many wait already. */
  insert(build: StoredBuild, mostWaiting: number): Promise<boolean> {
    return this.database.transaction<VariantTables, boolean>(async (db) => {
      const { waiting } = await db
        .selectFrom("variant_build")
        .select(({ fn }) => fn.countAll<number>().as("waiting"))
        .where("status", "=", "queued")
        .executeTakeFirstOrThrow();
      if (Number(waiting) >= mostWaiting) return false;
      await db
        .insertInto("variant_build")
        .values({
          build_id: build.buildId,
          version_id: build.versionId,
          status: build.status,
          request: JSON.stringify(build.order),
          calibration: jsonOrNull(build.calibration),
          evaluation: jsonOrNull(build.evaluation),
          attempts: 0,
          error: null,
          created_at: build.createdAt,
          started_at: null,
          finished_at: null,
        })
        .execute();
      await db
        .insertInto("variant_build_step")
        .values(
          build.steps.map(({ name, status }, position) => ({
            build_id: build.buildId,
            name,
            position,
            status,
            variant_id: null,
            error: null,
          })),
        )
        .execute();
      const datasets = [build.calibration, build.evaluation].flatMap((dataset) => dataset?.datasetId ?? []);
      await claimDatasets(db, `${OWNER}${build.buildId}`, datasets);
      return true;
    });
  }

  /** Begins another attempt; undefined where the build has ended. */
  async begin(buildId: string, now: number): Promise<StoredBuild | undefined> {
    await this.database
      .tables<VariantTables>()
      .updateTable("variant_build")
      .set((eb) => ({
        status: "in_progress",
        attempts: eb("attempts", "+", 1),
        started_at: eb.fn.coalesce("started_at", eb.val(now)),
      }))
      .where("build_id", "=", buildId)
      .where("status", "in", UNFINISHED)
      .execute();
    const build = await this.find(buildId);
    return build?.status === "in_progress" ? build : undefined;
  }

  /** An attempt ended in order: it does not count. */
  async forgive(buildId: string): Promise<void> {
    await this.database
      .tables<VariantTables>()
      .updateTable("variant_build")
      .set((eb) => ({ attempts: eb("attempts", "-", 1) }))
      .where("build_id", "=", buildId)
      .where("status", "=", "in_progress")
      .where("attempts", ">", 0)
      .execute();
  }

  async startStep(buildId: string, name: VariantName): Promise<void> {
    await this.database
      .tables<VariantTables>()
      .updateTable("variant_build_step")
      .set({ status: "in_progress" })
      .where("build_id", "=", buildId)
      .where("name", "=", name)
      .where("status", "=", "queued")
      .execute();
  }

  /**
   * Ends a step; attempts count anew from here.
   *
   * @param offer a new variant that is offered from then on
   * @returns false where the build has ended meanwhile: then nothing is changed
   * @throws SartorError SRT_CONFLICT where another variant of its name was offered at the same moment; nothing is changed then either
   */
  endStep(buildId: string, name: VariantName, end: StepEnd, offer?: OfferFacts): Promise<boolean> {
    const ended = this.database.transaction<VariantTables, boolean>(async (db) => {
      const build = await db
        .updateTable("variant_build")
        .set({ attempts: 1 })
        .where("build_id", "=", buildId)
        .where("status", "=", "in_progress")
        .executeTakeFirst();
      if (build.numUpdatedRows === 0n) return false;
      await db
        .updateTable("variant_build_step")
        .set(
          end.status === "succeeded"
            ? { status: end.status, variant_id: end.variantId, error: null }
            : { status: end.status, error: JSON.stringify(end.error) },
        )
        .where("build_id", "=", buildId)
        .where("name", "=", name)
        .execute();
      if (offer !== undefined && end.status === "succeeded") await offerVariant(db, end.variantId, offer);
      return true;
    });
    return ended.catch(explainOfferConflict);
  }

  /**
   * Ends a build, and the steps that are left with it.
   *
   * @returns false where it had ended already
   */
  end(
    buildId: string,
    end: { readonly status: "succeeded" | "failed" | "canceled"; readonly error: ErrorBody | null },
    now: number,
  ): Promise<boolean> {
    return this.database.transaction<VariantTables, boolean>(async (db) => {
      const error = jsonOrNull(end.error);
      const ended = await db
        .updateTable("variant_build")
        .set({ status: end.status, error, finished_at: now })
        .where("build_id", "=", buildId)
        .where("status", "in", UNFINISHED)
        .executeTakeFirst();
      if (ended.numUpdatedRows === 0n) return false;
      await db
        .updateTable("variant_build_step")
        .set({ status: end.status, error })
        .where("build_id", "=", buildId)
        .where("status", "in", UNFINISHED)
        .execute();
      await releaseDatasets(db, `${OWNER}${buildId}`);
      return true;
    });
  }

  async find(buildId: string): Promise<StoredBuild | undefined> {
    const db = this.database.tables<VariantTables>();
    const row = await db.selectFrom("variant_build").selectAll().where("build_id", "=", buildId).executeTakeFirst();
    return row === undefined ? undefined : (await withSteps(db, [row]))[0];
  }

  /** A version's builds, newest first. */
  async ofVersion(versionId: string, limit: number, cursor: string | undefined): Promise<StoredBuild[]> {
    const db = this.database.tables<VariantTables>();
    let query = db
      .selectFrom("variant_build")
      .selectAll()
      .where("version_id", "=", versionId)
      .orderBy("build_id", "desc")
      .limit(limit);
    if (cursor !== undefined) query = query.where("build_id", "<", cursor);
    return withSteps(db, await query.execute());
  }

  /** Builds that have not ended: those that were begun first, then those that wait, each in their order. */
  async unfinished(): Promise<{ buildId: string; versionId: string; status: BuildStatus }[]> {
    const rows = await this.database
      .tables<VariantTables>()
      .selectFrom("variant_build")
      .select(["build_id", "version_id", "status"])
      .where("status", "in", UNFINISHED)
      .orderBy("status")
      .orderBy("build_id")
      .execute();
    return rows.map((row) => ({
      buildId: row.build_id,
      versionId: row.version_id,
      status: row.status as BuildStatus,
    }));
  }

  /** Lets go of datasets that no build claims any more: its version's registration was cut off. */
  async clearClaims(): Promise<void> {
    const owners = new Set((await this.unfinished()).map(({ buildId }) => `${OWNER}${buildId}`));
    await this.database.transaction<VariantTables, void>(async (db) => {
      const rows = await db.selectFrom("dataset_claim").select("owner").where("owner", "like", `${OWNER}%`).execute();
      for (const { owner } of rows) if (!owners.has(owner)) await releaseDatasets(db, owner);
    });
  }
}

async function withSteps(db: Kysely<VariantTables>, rows: VariantBuildTable[]): Promise<StoredBuild[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.build_id);
  const steps = await db
    .selectFrom("variant_build_step")
    .selectAll()
    .where("build_id", "in", ids)
    .orderBy("position")
    .execute();
  return rows.map((row) =>
    toBuild(
      row,
      steps.filter((step) => step.build_id === row.build_id),
    ),
  );
}

function toBuild(row: VariantBuildTable, steps: readonly VariantBuildStepTable[]): StoredBuild {
  return {
    buildId: row.build_id,
    versionId: row.version_id,
    status: row.status as BuildStatus,
    order: JSON.parse(row.request),
    calibration: parsed(row.calibration),
    evaluation: parsed(row.evaluation),
    steps: steps.map((step) => ({
      name: step.name as VariantName,
      status: step.status as BuildStatus,
      variantId: step.variant_id,
      error: parsed(step.error),
    })),
    attempts: row.attempts,
    error: parsed(row.error),
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

function jsonOrNull(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}

function parsed<T>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}
