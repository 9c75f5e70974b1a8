import { Injectable } from "@nestjs/common";
import {
  type DeploymentEvent,
  deploymentReportOf,
  FOLLOWED_STATUSES,
  planDeployment,
} from "@sartor/shared/domain/deployment";
import type { GroupScope, ReportedState, RuntimeSettings } from "@sartor/shared/protocol";
import type { Transaction } from "kysely";
import { type AuthTables, groupValues } from "../auth/index.js";
import { Database } from "../database/index.js";
import {
  type DeviceChoice,
  type FollowedDeployment,
  newRow,
  type StoredDeployment,
  toState,
  toStored,
  type WaveStart,
} from "./deployment-rows.js";
import { retryOnConflict } from "./retry-on-conflict.js";
import type { DeviceDeploymentTable, RolloutTables } from "./rollouts.tables.js";

/** A deployment that changed, after the change. */
export interface ChangedDeployment extends StoredDeployment {
  /**
   * Rises with every change made by this process, given while the row is locked: of two changes of one deployment, the one with the higher
   * revision was committed later.
   */
  readonly revision: number;
}

/** A success after which a tuning is to be thought of. */
export interface TuneDue {
  readonly deploymentId: string;
  readonly rolloutId: string;
  readonly deviceId: string;
}

type Db = Transaction<RolloutTables>;

const ROWS_AT_ONCE = 500;
const LIVE = ["queued", "in_progress"] as const;

/**
 * Deployments in the database. Whatever changes one also notes, in the same transaction, that its device's desired state is to be computed
 * anew, so that no crash separates the two.
 *
 * Every transaction locks in the same order, so that none waits in a circle with another: first all deployments it will change, by their
 * ids, then the marks of the devices to plan, by theirs.
 */
@Injectable()
export class DeploymentsRepository {
  #revision = 0;

  constructor(private readonly database: Database) {}

  /** Devices of a wave that have no deployment of its rollout yet, in the order of their ids, after one of them. */
  async findToStart(rolloutId: string, wave: number, limit: number, after: string): Promise<string[]> {
    const rows = await this.database
      .tables<RolloutTables>()
      .selectFrom("rollout_device as chosen")
      .leftJoin("device_deployment as started", (join) =>
        join.onRef("started.rollout_id", "=", "chosen.rollout_id").onRef("started.device_id", "=", "chosen.device_id"),
      )
      .select("chosen.device_id")
      .where("chosen.rollout_id", "=", rolloutId)
      .where("chosen.wave", "=", wave)
      .where("chosen.device_id", ">", after)
      .where("started.deployment_id", "is", null)
      .orderBy("chosen.device_id")
      .limit(limit)
      .execute();
    return rows.map((row) => row.device_id);
  }

  /** Makes the deployments of some devices and supersedes what they were still at; all or nothing, and twice is once. */
  start(wave: WaveStart, choices: readonly DeviceChoice[]): Promise<ChangedDeployment[]> {
    if (choices.length === 0) return Promise.resolve([]);
    // A device for which nothing fits goes on with what it was told before.
    const deviceIds = choices.filter(({ bundleId }) => bundleId !== null).map(({ deviceId }) => deviceId);
    return this.change(async (db) => {
      const inserted = await db
        .insertInto("device_deployment")
        .values(choices.map((choice) => newRow(wave, choice)))
        .onConflict((conflict) => conflict.columns(["rollout_id", "device_id"]).doNothing())
        .returningAll()
        .execute();
      const older = deviceIds.length === 0 ? [] : await this.lockOlder(db, deviceIds, wave.rolloutId);
      const event: DeploymentEvent = { type: "superseded", byRolloutId: wave.rolloutId };
      const changed: ChangedDeployment[] = [];
      for (const row of older) {
        const after = await this.applyTo(db, row, event, wave.now);
        if (after !== undefined) changed.push(after.deployment);
      }
      await noteToPlan(db, deviceIds);
      return [...changed, ...inserted.map((row) => ({ ...toStored(row), revision: ++this.#revision }))];
    });
  }

  /** Applies one event to each of some deployments. */
  applyToAll(deploymentIds: readonly string[], event: DeploymentEvent, now: number): Promise<ChangedDeployment[]> {
    return this.change(async (db) => {
      const rows = await this.lock(db, deploymentIds);
      const changed: ChangedDeployment[] = [];
      const toPlan: string[] = [];
      for (const row of rows.values()) {
        const after = await this.applyTo(db, row, event, now);
        if (after === undefined) continue;
        changed.push(after.deployment);
        if (after.replan) toPlan.push(row.device_id);
      }
      await noteToPlan(db, toPlan);
      return changed;
    });
  }

  /**
   * Applies what devices reported, in their order, within the batch's transaction.
   *
   * @returns what each report made of its deployment; undefined where it changed nothing
   */
  async applyReports(
    db: Db,
    reports: readonly ReportedState[],
    now: number,
  ): Promise<(ChangedDeployment | undefined)[]> {
    const ids = reports.flatMap(({ deployment }) => (deployment === null ? [] : [deployment.deploymentId]));
    const rows = await this.lock(db, ids);
    const toPlan: string[] = [];
    const changed: (ChangedDeployment | undefined)[] = [];
    for (const reported of reports) {
      const row = rows.get(reported.deployment?.deploymentId ?? "");
      const event = row === undefined ? undefined : eventOf(reported, row);
      const after = row === undefined || event === undefined ? undefined : await this.applyTo(db, row, event, now);
      changed.push(after?.deployment);
      if (after === undefined) continue;
      rows.set(after.row.deployment_id, after.row);
      if (after.replan) toPlan.push(reported.deviceId);
    }
    await noteToPlan(db, toPlan);
    return changed;
  }

  /** Deployments under way whose deadline passed, the longest overdue first. */
  async findOverdue(now: number, limit: number): Promise<string[]> {
    const rows = await this.database
      .tables<RolloutTables>()
      .selectFrom("device_deployment")
      .select("deployment_id")
      .where("status", "in", LIVE)
      .where("deadline_at", "<=", now)
      .orderBy("deadline_at")
      .limit(limit)
      .execute();
    return rows.map((row) => row.deployment_id);
  }

  /** Deployments under way of a rollout or of a device. */
  async findLive(of: { rolloutId: string } | { deviceId: string }, limit: number): Promise<string[]> {
    let query = this.database
      .tables<RolloutTables>()
      .selectFrom("device_deployment")
      .select("deployment_id")
      .where("status", "in", LIVE)
      .limit(limit);
    query =
      "rolloutId" in of ? query.where("rollout_id", "=", of.rolloutId) : query.where("device_id", "=", of.deviceId);
    return (await query.execute()).map((row) => row.deployment_id);
  }

  /** Deployments of a rollout in the order of their devices' ids, after one of them if given, as far as a scope goes. */
  async ofRollout(rolloutId: string, scope: GroupScope, limit: number, after?: string): Promise<StoredDeployment[]> {
    let query = this.database
      .tables<RolloutTables & AuthTables>()
      .selectFrom("device_deployment")
      .selectAll()
      .where("rollout_id", "=", rolloutId)
      .orderBy("device_id")
      .limit(limit);
    if (scope !== null) {
      query = query.where("device_id", "in", (eb) =>
        eb
          .selectFrom("device_identity")
          .select("device_identity.device_id")
          .where("group_name", "in", groupValues(scope)),
      );
    }
    if (after !== undefined) query = query.where("device_id", ">", after);
    return (await query.execute()).map(toStored);
  }

  async find(deploymentId: string): Promise<StoredDeployment | undefined> {
    const row = await this.database
      .tables<RolloutTables>()
      .selectFrom("device_deployment")
      .selectAll()
      .where("deployment_id", "=", deploymentId)
      .executeTakeFirst();
    return row === undefined ? undefined : toStored(row);
  }

  /** Successes after which a tuning is to be thought of. */
  async findTuneDue(limit: number): Promise<TuneDue[]> {
    const rows = await this.database
      .tables<RolloutTables>()
      .selectFrom("device_deployment")
      .select(["deployment_id", "rollout_id", "device_id"])
      .where("tune", "=", "due")
      .where("status", "=", "succeeded")
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      deploymentId: row.deployment_id,
      rolloutId: row.rollout_id,
      deviceId: row.device_id,
    }));
  }

  /** Notes that some successes were thought of. */
  async setTuneDone(deploymentIds: readonly string[]): Promise<void> {
    if (deploymentIds.length === 0) return;
    await this.database
      .tables<RolloutTables>()
      .updateTable("device_deployment")
      .set({ tune: "done" })
      .where("deployment_id", "in", deploymentIds)
      .execute();
  }

  /** The deployment that a device follows now: the newest that is under way or succeeded. */
  async followed(deviceId: string): Promise<FollowedDeployment | undefined> {
    const row = await this.database
      .tables<RolloutTables>()
      .selectFrom("device_deployment")
      .selectAll()
      .where("device_id", "=", deviceId)
      .where("status", "in", FOLLOWED_STATUSES)
      .orderBy("rollout_id", "desc")
      .limit(1)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    return { ...toStored(row), runtime: row.runtime === null ? null : (JSON.parse(row.runtime) as RuntimeSettings) };
  }

  private change<R>(work: (db: Db) => Promise<R>): Promise<R> {
    return retryOnConflict(() => this.database.transaction<RolloutTables, R>(work));
  }

  /** On PostgreSQL rows are locked; SQLite runs one transaction at a time anyway. */
  private get locks(): boolean {
    return this.database.dialect === "postgres";
  }

  /** Reads deployments by their ids, and locks them in the order of these. */
  private async lock(db: Db, deploymentIds: readonly string[]): Promise<Map<string, DeviceDeploymentTable>> {
    if (deploymentIds.length === 0) return new Map();
    const rows = await db
      .selectFrom("device_deployment")
      .selectAll()
      .where("deployment_id", "in", [...new Set(deploymentIds)])
      .orderBy("deployment_id")
      .$if(this.locks, (query) => query.forUpdate())
      .execute();
    return new Map(rows.map((row) => [row.deployment_id, row]));
  }

  /** What devices are still at of older rollouts. */
  private lockOlder(db: Db, deviceIds: readonly string[], than: string): Promise<DeviceDeploymentTable[]> {
    return db
      .selectFrom("device_deployment")
      .selectAll()
      .where("device_id", "in", deviceIds)
      .where("rollout_id", "<", than)
      .where("status", "in", LIVE)
      .orderBy("deployment_id")
      .$if(this.locks, (query) => query.forUpdate())
      .execute();
  }

  private async applyTo(
    db: Db,
    row: DeviceDeploymentTable,
    event: DeploymentEvent,
    now: number,
  ): Promise<Applied | undefined> {
    const plan = planDeployment(toState(row), event);
    if (!plan.changed) return undefined;
    const { status, step, progress, error, reportSequence, reportBootId } = plan.state;
    const after: DeviceDeploymentTable = {
      ...row,
      status,
      step,
      progress: progress === null ? null : JSON.stringify(progress),
      error: error === null ? null : JSON.stringify(error),
      report_sequence: reportSequence,
      report_boot_id: reportBootId,
      updated_at: now,
    };
    await db.updateTable("device_deployment").set(after).where("deployment_id", "=", row.deployment_id).execute();
    const replan = plan.effects.some((effect) => effect.type === "replan_device");
    return { row: after, replan, deployment: { ...toStored(after), revision: ++this.#revision } };
  }
}

interface Applied {
  readonly row: DeviceDeploymentTable;
  readonly deployment: ChangedDeployment;
  /** The device's desired state is to be computed anew. */
  readonly replan: boolean;
}

function eventOf(reported: ReportedState, row: DeviceDeploymentTable): DeploymentEvent | undefined {
  if (row.device_id !== reported.deviceId || row.bundle_id === null) return undefined;
  const report = deploymentReportOf(reported, {
    deploymentId: row.deployment_id,
    bundleId: row.bundle_id,
    intraOpThreads: row.runtime === null ? undefined : (JSON.parse(row.runtime) as RuntimeSettings).intraOpThreads,
  });
  return report === undefined ? undefined : { type: "reported", report };
}

/**
 * Notes that desired states are to be computed anew. A mark that stands already is locked too: whoever takes it away waits for this
 * transaction and then sees what it changed.
 */
export async function noteToPlan(db: Db, deviceIds: readonly string[]): Promise<void> {
  const ordered = [...new Set(deviceIds)].sort();
  for (let first = 0; first < ordered.length; first += ROWS_AT_ONCE) {
    await db
      .insertInto("device_to_plan")
      .values(ordered.slice(first, first + ROWS_AT_ONCE).map((deviceId) => ({ device_id: deviceId })))
      .onConflict((conflict) =>
        conflict.column("device_id").doUpdateSet((eb) => ({ device_id: eb.ref("excluded.device_id") })),
      )
      .execute();
  }
}
