import { Injectable } from "@nestjs/common";
import type { TuningMeasurement, TuningReport } from "@sartor/shared/protocol";
import { type Kysely, sql, type Transaction } from "kysely";
import { Database } from "../database/index.js";
import { addMeasurements } from "./measurements.repository.js";
import { type NewTuning, type StoredTuning, toStoredTuning, toTuningRow } from "./stored-tuning.js";
import type { TailoringTables, TuningTable } from "./tailoring.tables.js";

/** Tunings kept of a device; older ones that ended go. */
export const TUNINGS_KEPT = 50;
const ACTIVE = ["queued", "in_progress"] as const;
/** Newest tunings of a type and a version that say who measured what. */
const TUNINGS_COUNTED = 64;
/** Changes worked through in one transaction. */
const ROWS_AT_ONCE = 200;

type Db = Transaction<TailoringTables>;

/** A tuning that is under way, in short. */
export type ActiveTuning = Pick<StoredTuning, "tuningId" | "deviceId" | "status" | "progress">;

/** What a report made of the tunings. */
export type TakenReport =
  /** It names no tuning of its device, or it was taken before. */
  | { readonly outcome: "ignored" }
  /** Its tuning had ended without it (canceled, superseded, too late): what it measured counts all the same. */
  | { readonly outcome: "late"; readonly tuning: StoredTuning }
  /** The tuning that holds it now: the one that was ordered, or a further one. */
  | { readonly outcome: "finished"; readonly tuning: StoredTuning };

/** Tunings in the database. */
@Injectable()
export class TuningsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Adds a tuning in the place of the one that is under way on the device, if any.
   *
   * @returns the ids of those that it took the place of; undefined where the verdict that it follows was settled already
   */
  order(tuning: NewTuning): Promise<string[] | undefined> {
    return this.database.transaction<TailoringTables, string[] | undefined>(async (db) => {
      await this.lockDevice(db, tuning.deviceId);
      if (tuning.follows !== null && !(await settleFollowUp(db, tuning.follows, null))) return undefined;
      const superseded = await db
        .updateTable("tuning")
        .set({ status: "canceled", finished_at: tuning.createdAt })
        .where("device_id", "=", tuning.deviceId)
        .where("status", "in", ACTIVE)
        .returning("tuning_id")
        .execute();
      await db.insertInto("tuning").values(toTuningRow(tuning)).execute();
      await prune(db, tuning.deviceId);
      return superseded.map((row) => row.tuning_id);
    });
  }

  /** Ends a tuning that is under way; false where it ended already. */
  async cancel(tuningId: string, now: number): Promise<boolean> {
    const result = await this.#db
      .updateTable("tuning")
      .set({ status: "canceled", finished_at: now, told: 0 })
      .where("tuning_id", "=", tuningId)
      .where("status", "in", ACTIVE)
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  /** Notes how far a device is; false where the tuning ended already. */
  async setProgress(tuningId: string, progress: number): Promise<boolean> {
    const result = await this.#db
      .updateTable("tuning")
      .set({ status: "in_progress", progress })
      .where("tuning_id", "=", tuningId)
      .where("status", "in", ACTIVE)
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  /**
   * Stores what a device reported, once however often it comes.
   *
   * @param measurements what it says of candidates' costs
   * @param newId the id of a further tuning, should the report be one
   */
  take(
    report: TuningReport,
    measurements: readonly TuningMeasurement[],
    now: number,
    newId: string,
  ): Promise<TakenReport> {
    const { deviceId } = report;
    return this.database.transaction<TailoringTables, TakenReport>(async (db) => {
      await this.lockDevice(db, deviceId);
      const known = await db
        .selectFrom("tuning")
        .select("tuning_id")
        .where("device_id", "=", deviceId)
        .where("report_sequence", "=", report.sequence)
        .where("report_at", "=", report.at)
        .executeTakeFirst();
      const row = await db
        .selectFrom("tuning")
        .selectAll()
        .where("tuning_id", "=", report.tuningId)
        .where("device_id", "=", deviceId)
        .executeTakeFirst();
      if (known !== undefined || row === undefined) return { outcome: "ignored" };
      if (row.model !== report.model || row.version !== report.version) return { outcome: "ignored" };
      await addMeasurements(db, measurements);
      const held = holding(row, report, now);
      if (isActive(row)) {
        await db.updateTable("tuning").set(held).where("tuning_id", "=", row.tuning_id).execute();
        return { outcome: "finished", tuning: toStoredTuning(held) };
      }
      if (report.trigger !== "environment_changed" || row.report === null) {
        const { report: text, report_sequence, report_at } = held;
        // What came too late is a tuning that the device finished all the same: its order stands again.
        const late = { report: text, report_sequence, report_at, told: 0 };
        await db.updateTable("tuning").set(late).where("tuning_id", "=", row.tuning_id).execute();
        return { outcome: "late", tuning: toStoredTuning({ ...row, ...late }) };
      }
      const further: TuningTable = {
        ...held,
        tuning_id: newId,
        reason: "the device's environment changed",
        rollout_id: null,
        origin_id: row.tuning_id,
        deployment_id: null,
        told: 1,
        created_at: now,
        deadline_at: now,
      };
      await db.insertInto("tuning").values(further).execute();
      await prune(db, deviceId);
      return { outcome: "finished", tuning: toStoredTuning(further) };
    });
  }

  /** Ends what was not finished in time, some of it; gives what it ended. */
  async endOverdue(now: number): Promise<ActiveTuning[]> {
    const rows = await this.#db
      .updateTable("tuning")
      .set({ status: "failed", finished_at: now, told: 0 })
      .where("tuning_id", "in", (eb) =>
        eb
          .selectFrom("tuning")
          .select("tuning_id")
          .where("status", "in", ACTIVE)
          .where("deadline_at", "<=", now)
          .limit(ROWS_AT_ONCE),
      )
      .where("status", "in", ACTIVE)
      .returning(["tuning_id", "device_id", "status", "progress"])
      .execute();
    return rows.map(toActive);
  }

  async active(): Promise<ActiveTuning[]> {
    const rows = await this.#db
      .selectFrom("tuning")
      .select(["tuning_id", "device_id", "status", "progress"])
      .where("status", "in", ACTIVE)
      .execute();
    return rows.map(toActive);
  }

  async find(tuningId: string): Promise<StoredTuning | undefined> {
    const row = await this.#db.selectFrom("tuning").selectAll().where("tuning_id", "=", tuningId).executeTakeFirst();
    return row === undefined ? undefined : toStoredTuning(row);
  }

  /** Newest first. */
  async ofDevice(deviceId: string, limit: number, before?: string): Promise<StoredTuning[]> {
    let query = this.#db
      .selectFrom("tuning")
      .selectAll()
      .where("device_id", "=", deviceId)
      .orderBy("tuning_id", "desc")
      .limit(limit);
    if (before !== undefined) query = query.where("tuning_id", "<", before);
    return (await query.execute()).map(toStoredTuning);
  }

  /** Whether a deployment's success has led to a tuning already. */
  async ofDeployment(deviceId: string, deploymentId: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom("tuning")
      .select("tuning_id")
      .where("device_id", "=", deviceId)
      .where("deployment_id", "=", deploymentId)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** Real devices of a type that measured a version or are at it, by the variants that they were asked to measure; by the newest tunings. */
  async devicesByVariant(deviceType: string, model: string, version: string): Promise<Map<string, Set<string>>> {
    const rows = await this.#db
      .selectFrom("tuning")
      .select(["device_id", "variants"])
      .where("device_type", "=", deviceType)
      .where("emulated", "=", 0)
      .where("model", "=", model)
      .where("version", "=", version)
      .where("status", "in", [...ACTIVE, "succeeded"])
      .orderBy("tuning_id", "desc")
      .limit(TUNINGS_COUNTED)
      .execute();
    const devices = new Map<string, Set<string>>();
    for (const row of rows) {
      for (const variantId of JSON.parse(row.variants) as string[]) {
        devices.set(variantId, (devices.get(variantId) ?? new Set()).add(row.device_id));
      }
    }
    return devices;
  }

  /** Tunings whose verdict is to be followed now, oldest first. */
  async findFollowUps(limit: number, now: number): Promise<StoredTuning[]> {
    const rows = await this.#db
      .selectFrom("tuning")
      .selectAll()
      .where("follow_up", "=", "due")
      .where("follow_up_at", "<=", now)
      .orderBy("tuning_id")
      .limit(limit)
      .execute();
    return rows.map(toStoredTuning);
  }

  /** Notes that nothing follows from a verdict. */
  async skipFollowUp(tuningId: string): Promise<void> {
    await this.#db.updateTable("tuning").set({ follow_up: "skipped" }).where("tuning_id", "=", tuningId).execute();
  }

  async forget(deviceId: string): Promise<void> {
    await this.#db.deleteFrom("tuning").where("device_id", "=", deviceId).execute();
  }

  /** Has orders and reports of one device wait for each other; SQLite runs one transaction at a time anyway. */
  private async lockDevice(db: Db, deviceId: string): Promise<void> {
    if (this.database.dialect !== "postgres") return;
    await sql`select device_id from device where device_id = ${deviceId} for no key update`.execute(db);
  }

  get #db() {
    return this.database.tables<TailoringTables>();
  }
}

/**
 * Within a later module's transaction: takes the marks of tunings that devices are to be told of. Whoever changes a tuning afterwards
 * sets its mark again.
 *
 * @returns ids of the devices
 */
export async function takeUntold<T extends TailoringTables>(transaction: Kysely<T>, limit: number): Promise<string[]> {
  const db = transaction as unknown as Kysely<TailoringTables>;
  const rows = await db
    .updateTable("tuning")
    .set({ told: 1 })
    .where("tuning_id", "in", (eb) => eb.selectFrom("tuning").select("tuning_id").where("told", "=", 0).limit(limit))
    .returning("device_id")
    .execute();
  return rows.map((row) => row.device_id);
}

/**
 * Within a later module's transaction: the tuning that a device's desired state may name. One that was finished stays, so that the device
 * does it again when its environment changes; one that was canceled or came too late does not, and neither does what was before it.
 */
export async function tuningToTell<T extends TailoringTables>(
  transaction: Kysely<T>,
  deviceId: string,
): Promise<StoredTuning | undefined> {
  const db = transaction as unknown as Kysely<TailoringTables>;
  const newest = await db
    .selectFrom("tuning")
    .selectAll()
    .where("device_id", "=", deviceId)
    .where("origin_id", "is", null)
    .orderBy("tuning_id", "desc")
    .limit(1)
    .executeTakeFirst();
  if (newest === undefined || !(isActive(newest) || (newest.report !== null && newest.status !== "canceled"))) {
    return undefined;
  }
  return toStoredTuning(newest);
}

/** Within a transaction: notes that a verdict was followed, and the rollout if it led to one; false where it was settled already. */
export async function settleFollowUp<T extends TailoringTables>(
  transaction: Kysely<T>,
  tuningId: string,
  rolloutId: string | null,
): Promise<boolean> {
  const db = transaction as unknown as Kysely<TailoringTables>;
  const result = await db
    .updateTable("tuning")
    .set({ follow_up: "done", rollout_id: rolloutId })
    .where("tuning_id", "=", tuningId)
    .where("follow_up", "=", "due")
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** The row with the report in it. */
function holding(row: TuningTable, report: TuningReport, now: number): TuningTable {
  const followUpAt = row.apply === 1 && report.status === "succeeded" ? followUpTime(row, report, now) : null;
  return {
    ...row,
    status: report.status,
    progress: 1,
    report: JSON.stringify(report),
    report_sequence: report.sequence,
    report_at: report.at,
    follow_up: followUpAt === null ? null : "due",
    follow_up_at: followUpAt,
    told: 0,
    finished_at: now,
  };
}

/**
 * When a verdict may be followed: a switch at once, a hold when the last switch is surely long enough ago (the device knows since when, we only
 * know that it was before now).
 */
function followUpTime(row: Pick<TuningTable, "rules">, { verdict }: TuningReport, now: number): number | null {
  if (verdict?.decision === "switch") return now;
  const { hysteresisMs } = JSON.parse(row.rules) as StoredTuning["rules"];
  return verdict?.decision === "hold" ? now + hysteresisMs : null;
}

async function prune(db: Db, deviceId: string): Promise<void> {
  const old = await db
    .selectFrom("tuning")
    .select("tuning_id")
    .where("device_id", "=", deviceId)
    .orderBy("tuning_id", "desc")
    .offset(TUNINGS_KEPT)
    .limit(ROWS_AT_ONCE)
    .execute();
  if (old.length === 0) return;
  await db
    .deleteFrom("tuning")
    .where(
      "tuning_id",
      "in",
      old.map((row) => row.tuning_id),
    )
    .where("status", "not in", ACTIVE)
    .execute();
}

function isActive(row: Pick<TuningTable, "status">): boolean {
  return row.status === "queued" || row.status === "in_progress";
}

function toActive(row: Pick<TuningTable, "tuning_id" | "device_id" | "status" | "progress">): ActiveTuning {
  return { tuningId: row.tuning_id, deviceId: row.device_id, status: row.status, progress: row.progress };
}
