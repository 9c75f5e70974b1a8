import { Injectable } from "@nestjs/common";
import { FOLLOWED_STATUSES, wantedDeployment } from "@sartor/shared/domain/deployment";
import {
  type DesiredDeployment,
  type DesiredState,
  PROTOCOL_VERSION,
  type ReportedError,
  type RuntimeSettings,
  type TuningCandidate,
} from "@sartor/shared/protocol";
import { sql, type Transaction } from "kysely";
import { Database } from "../database/index.js";
import { type StoredTuning, type TailoringTables, takeUntold, tuningToTell } from "../tailoring/index.js";
import { noteToPlan } from "./deployments.repository.js";
import { retryOnConflict } from "./retry-on-conflict.js";
import type { RolloutTables } from "./rollouts.tables.js";
import { tuningOrderOf } from "./tuning-order.js";

type Db = Transaction<RolloutTables>;
type Tables = RolloutTables & TailoringTables;

/** A bundle's part of a desired state, by its id. */
export type BundleOf = (bundleId: string) => DesiredDeployment["bundle"] | undefined;

/** The bundle of a variant, by the variant's id. */
export type BundleOfVariant = (variantId: string) => TuningCandidate["bundle"] | undefined;

/** What planning needs besides the database. */
export interface PlanContext {
  readonly now: number;
  readonly windowSeconds: number;
  readonly bundleOf: BundleOf;
  readonly bundleOfVariant: BundleOfVariant;
}

/** A desired state, and whether the device was told of it. */
export interface KeptState {
  readonly desired: DesiredState;
  readonly published: boolean;
}

/** What devices shall do, in the database: kept before it is published. */
@Injectable()
export class DesiredStatesRepository {
  constructor(private readonly database: Database) {}

  noteToPlan(deviceIds: readonly string[]): Promise<void> {
    return retryOnConflict(() => this.database.transaction<RolloutTables, void>((db) => noteToPlan(db, deviceIds)));
  }

  async findToPlan(limit: number): Promise<string[]> {
    const rows = await this.database
      .tables<RolloutTables>()
      .selectFrom("device_to_plan")
      .select("device_id")
      .limit(limit)
      .execute();
    return rows.map((row) => row.device_id);
  }

  /** Bundles that the devices' desired states will name. */
  async bundlesFollowed(deviceIds: readonly string[]): Promise<string[]> {
    const rows = await this.database
      .tables<RolloutTables>()
      .selectFrom("device_deployment")
      .select("bundle_id")
      .distinct()
      .where("device_id", "in", deviceIds)
      .where("status", "in", FOLLOWED_STATUSES)
      .execute();
    return rows.flatMap((row) => row.bundle_id ?? []);
  }

  /** Variants that the devices' tunings name, offered still or not: what a device measured it may measure again. */
  async variantsTuned(deviceIds: readonly string[]): Promise<string[]> {
    const variants = new Set<string>();
    for (const deviceId of deviceIds) {
      const tuning = await tuningToTell(this.database.tables<Tables>(), deviceId);
      for (const { variantId } of tuning?.candidates ?? []) variants.add(variantId);
    }
    return [...variants];
  }

  /** Turns the marks of tunings into marks of devices to plan, some of them; false where there was none. */
  takeTunings(limit: number): Promise<boolean> {
    return retryOnConflict(() =>
      this.database.transaction<Tables, boolean>(async (db) => {
        const devices = await takeUntold(db, limit);
        await noteToPlan(db as unknown as Db, devices);
        return devices.length > 0;
      }),
    );
  }

  /**
   * Computes and keeps the desired states of some devices; a state that says the same keeps its generation.
   *
   * The marks go first. Whoever set one is waited for and then seen; whoever changes a deployment later finds no mark and sets a new one.
   * Taken away last, a mark could go whose change was not seen.
   */
  plan(deviceIds: readonly string[], context: PlanContext): Promise<void> {
    return retryOnConflict(() =>
      this.database.transaction<Tables, void>(async (transaction) => {
        const db = transaction as unknown as Db;
        await this.takeMarks(db, deviceIds);
        for (const deviceId of [...deviceIds].sort()) {
          const tuning = await tuningToTell(transaction, deviceId);
          await planOne(db, deviceId, context, await this.load(db, deviceId), tuning);
        }
      }),
    );
  }

  /** Lifts a generation above what a device says it has seen (the database is older than the device: a restored backup). */
  lift(deviceId: string, seen: number, now: number): Promise<boolean> {
    return this.database.transaction<RolloutTables, boolean>(async (db) => {
      const stored = await this.load(db, deviceId);
      if (stored === undefined || stored.generation >= seen) return false;
      await save(db, { ...stored, generation: seen + 1, issuedAt: now });
      return true;
    });
  }

  /** Desired states to be published, but those of some devices and those that are held. */
  async unpublished(limit: number, but: readonly string[]): Promise<DesiredState[]> {
    let query = this.database
      .tables<RolloutTables>()
      .selectFrom("desired_state")
      .select("desired")
      .where("published", "=", 0)
      .where("held", "is", null)
      .limit(limit);
    if (but.length > 0) query = query.where("device_id", "not in", but);
    const rows = await query.execute();
    return rows.map((row) => JSON.parse(row.desired) as DesiredState);
  }

  /** Notes what was published; a state that changed meanwhile stays to be published. */
  markPublished(published: readonly DesiredState[]): Promise<void> {
    return this.database.transaction<RolloutTables, void>(async (db) => {
      for (const { deviceId, generation } of published) {
        await db
          .updateTable("desired_state")
          .set({ published: 1, held: null })
          .where("device_id", "=", deviceId)
          .where("generation", "=", generation)
          .execute();
      }
    });
  }

  /** Notes why a state cannot be signed: it is not tried again before {@link release}, unless it changes. */
  async hold({ deviceId, generation }: DesiredState, reason: ReportedError): Promise<void> {
    await this.database
      .tables<RolloutTables>()
      .updateTable("desired_state")
      .set({ held: JSON.stringify(reason) })
      .where("device_id", "=", deviceId)
      .where("generation", "=", generation)
      .execute();
  }

  /** Has held states tried again; those of some devices, or all. */
  async release(deviceId?: string): Promise<void> {
    let query = this.database
      .tables<RolloutTables>()
      .updateTable("desired_state")
      .set({ held: null })
      .where("held", "is not", null);
    if (deviceId !== undefined) query = query.where("device_id", "=", deviceId);
    await query.execute();
  }

  /** Has every state that names a bundle, and all that are held, signed and published again; of one device, or of all. */
  async signAgain(deviceId?: string): Promise<void> {
    let query = this.database
      .tables<RolloutTables>()
      .updateTable("desired_state")
      .set({ published: 0, held: null })
      .where(({ or, eb }) => or([eb("held", "is not", null), eb("desired", "like", '%"bundleId"%')]));
    if (deviceId !== undefined) query = query.where("device_id", "=", deviceId);
    await query.execute();
  }

  /** Why devices' states are held, by device; those that are not held are left out. */
  async held(deviceIds: readonly string[]): Promise<ReadonlyMap<string, ReportedError>> {
    const rows = await this.database
      .tables<RolloutTables>()
      .selectFrom("desired_state")
      .select(["device_id", "held"])
      .where("device_id", "in", deviceIds)
      .where("held", "is not", null)
      .execute();
    return new Map(rows.map(({ device_id, held }) => [device_id, JSON.parse(held ?? "null") as ReportedError]));
  }

  /** Desired states page by page, in the order of the devices' ids. */
  async page(after: string, limit: number): Promise<KeptState[]> {
    const rows = await this.database
      .tables<RolloutTables>()
      .selectFrom("desired_state")
      .select(["desired", "published"])
      .where("device_id", ">", after)
      .orderBy("device_id")
      .limit(limit)
      .execute();
    return rows.map(({ desired, published }) => ({
      desired: JSON.parse(desired) as DesiredState,
      published: published === 1,
    }));
  }

  async find(deviceId: string): Promise<DesiredState | undefined> {
    const row = await this.database
      .tables<RolloutTables>()
      .selectFrom("desired_state")
      .select("desired")
      .where("device_id", "=", deviceId)
      .executeTakeFirst();
    return row === undefined ? undefined : (JSON.parse(row.desired) as DesiredState);
  }

  forget(deviceId: string): Promise<void> {
    return this.database.transaction<RolloutTables, void>(async (db) => {
      await this.takeMarks(db, [deviceId]);
      await db.deleteFrom("desired_state").where("device_id", "=", deviceId).execute();
    });
  }

  /** Removes marks, locked in the order in which they are set: by bytes, whatever the database's own order of texts is. */
  private async takeMarks(db: Db, deviceIds: readonly string[]): Promise<void> {
    if (this.database.dialect === "postgres") {
      await db
        .selectFrom("device_to_plan")
        .select("device_id")
        .where("device_id", "in", deviceIds)
        .orderBy(sql`device_id collate "C"`)
        .forUpdate()
        .execute();
    }
    await db.deleteFrom("device_to_plan").where("device_id", "in", deviceIds).execute();
  }

  /** Locked until the transaction ends (SQLite runs one at a time anyway), so that no two give the same generation to different words. */
  private async load(db: Db, deviceId: string): Promise<DesiredState | undefined> {
    const row = await db
      .selectFrom("desired_state")
      .select("desired")
      .where("device_id", "=", deviceId)
      .$if(this.database.dialect === "postgres", (query) => query.forUpdate())
      .executeTakeFirst();
    return row === undefined ? undefined : (JSON.parse(row.desired) as DesiredState);
  }
}

async function planOne(
  db: Db,
  deviceId: string,
  context: PlanContext,
  stored: DesiredState | undefined,
  told: StoredTuning | undefined,
): Promise<void> {
  const followed = await db
    .selectFrom("device_deployment as deployment")
    .innerJoin("rollout", "rollout.rollout_id", "deployment.rollout_id")
    .select(["deployment.deployment_id", "deployment.rollout_id", "deployment.bundle_id", "deployment.status"])
    .select(["deployment.runtime", "rollout.probe", "rollout.model", "rollout.version"])
    .where("deployment.device_id", "=", deviceId)
    .where("deployment.status", "in", FOLLOWED_STATUSES)
    .orderBy("deployment.rollout_id", "desc")
    .limit(1)
    .execute();
  const wanted = wantedDeployment(followed);
  const bundle = wanted?.bundle_id == null ? undefined : context.bundleOf(wanted.bundle_id);
  // Without its bundle a deployment cannot be described: saying nothing new is better than taking it back.
  if (wanted !== undefined && bundle === undefined) return;
  const deployment: DesiredState["deployment"] =
    wanted === undefined || bundle === undefined
      ? null
      : {
          deploymentId: wanted.deployment_id,
          rolloutId: wanted.rollout_id,
          bundle,
          ...(wanted.runtime === null ? {} : { runtime: JSON.parse(wanted.runtime) as RuntimeSettings }),
          probe: JSON.parse(wanted.probe) as DesiredDeployment["probe"],
        };
  const telemetry = { windowSeconds: context.windowSeconds };
  const tuning = told === undefined ? null : tuningOrderOf(told, wanted, context.bundleOfVariant);
  // Its bundles are not known yet: the mark of the tuning stands still, or the next plan brings it.
  if (tuning === undefined) return;
  const says = (state: Pick<DesiredState, "deployment" | "telemetry" | "tuning">) =>
    JSON.stringify([state.deployment, state.telemetry, state.tuning ?? null]);
  if (stored !== undefined && says(stored) === says({ deployment, telemetry, tuning })) return;
  await save(db, {
    schemaVersion: PROTOCOL_VERSION,
    deviceId,
    generation: (stored?.generation ?? 0) + 1,
    issuedAt: context.now,
    deployment,
    tuning,
    telemetry,
  });
}

async function save(db: Db, desired: DesiredState): Promise<void> {
  const values = { generation: desired.generation, desired: JSON.stringify(desired), published: 0, held: null };
  await db
    .insertInto("desired_state")
    .values({ device_id: desired.deviceId, ...values })
    .onConflict((conflict) => conflict.column("device_id").doUpdateSet(values))
    .execute();
}
