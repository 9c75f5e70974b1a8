import { Injectable } from "@nestjs/common";
import type { Page, TuningMeasurement } from "@sartor/shared/protocol";
import type { SelectQueryBuilder, Transaction } from "kysely";
import { Database } from "../database/index.js";
import type { TailoringTables } from "./tailoring.tables.js";

/** Measurements kept of a device and a model, and of a device type and a model; the oldest go. */
export const KEPT_OF_DEVICE = 64;
export const KEPT_OF_TYPE = 1_024;
/** Most that are removed at once; what is left goes with the next report. */
const REMOVED_AT_ONCE = 500;

type Db = Transaction<TailoringTables>;

/** What devices measured, in the database. */
@Injectable()
export class MeasurementsRepository {
  constructor(private readonly database: Database) {}

  /** What devices of a type measured of a model, whatever its version. */
  async ofType(deviceType: string, emulated: boolean, model: string): Promise<TuningMeasurement[]> {
    const rows = await this.database
      .tables<TailoringTables>()
      .selectFrom("tuning_measurement")
      .select("measurement")
      .where("device_type", "=", deviceType)
      .where("emulated", "=", emulated ? 1 : 0)
      .where("model", "=", model)
      .orderBy("measurement_id", "desc")
      .limit(KEPT_OF_TYPE)
      .execute();
    return rows.map((row) => JSON.parse(row.measurement) as TuningMeasurement);
  }

  /** Measurements of a version, newest first. */
  async ofVersion(model: string, version: string, limit: number, before?: string): Promise<Page<TuningMeasurement>> {
    let query = this.database
      .tables<TailoringTables>()
      .selectFrom("tuning_measurement")
      .select("measurement")
      .where("model", "=", model)
      .where("version", "=", version)
      .orderBy("measurement_id", "desc")
      .limit(limit + 1);
    if (before !== undefined) query = query.where("measurement_id", "<", before);
    const found = (await query.execute()).map((row) => JSON.parse(row.measurement) as TuningMeasurement);
    const items = found.slice(0, limit);
    return { items, nextCursor: found.length > limit ? (items.at(-1)?.measurementId ?? null) : null };
  }

  async forget(deviceId: string): Promise<void> {
    await this.database
      .tables<TailoringTables>()
      .deleteFrom("tuning_measurement")
      .where("device_id", "=", deviceId)
      .execute();
  }
}

/** Within a transaction: adds what one device measured of one model in one report, and removes what is too old to be kept. */
export async function addMeasurements(db: Db, measurements: readonly TuningMeasurement[]): Promise<void> {
  const [first] = measurements;
  if (first === undefined) return;
  const { deviceId, deviceType, model } = first;
  const emulated = first.emulated ? 1 : 0;
  const rows = measurements.map((measurement) => ({
    measurement_id: measurement.measurementId,
    device_id: deviceId,
    device_type: deviceType,
    emulated,
    model,
    version: measurement.version,
    measurement: JSON.stringify(measurement),
  }));
  await db.insertInto("tuning_measurement").values(rows).execute();
  const all = db.selectFrom("tuning_measurement").where("model", "=", model);
  await remove(db, await beyond(all.where("device_id", "=", deviceId), KEPT_OF_DEVICE));
  const ofType = all.where("device_type", "=", deviceType).where("emulated", "=", emulated);
  await remove(db, await beyond(ofType, KEPT_OF_TYPE));
}

/** Ids of what is older than the newest so many. */
async function beyond(
  of: SelectQueryBuilder<TailoringTables, "tuning_measurement", object>,
  kept: number,
): Promise<string[]> {
  const rows = await of
    .select("measurement_id")
    .orderBy("measurement_id", "desc")
    .offset(kept)
    .limit(REMOVED_AT_ONCE)
    .execute();
  return rows.map((row) => row.measurement_id);
}

async function remove(db: Db, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await db.deleteFrom("tuning_measurement").where("measurement_id", "in", ids).execute();
}
