import { Injectable } from "@nestjs/common";
import {
  type DeploymentEvent,
  type DeploymentState,
  deploymentReportOf,
  INITIAL_DEPLOYMENT,
  planDeployment,
} from "@sartor/shared/domain/deployment";
import type { DeviceDeploymentView, ReportedState } from "@sartor/shared/protocol";
import type { Transaction } from "kysely";
import { Database } from "../database/index.js";
import { retryOnConflict } from "./retry-on-conflict.js";
import type { DeviceDeploymentTable, RolloutTables } from "./rollouts.tables.js";

/** A deployment as the database holds it. */
export type StoredDeployment = Omit<DeviceDeploymentView, "deviceName" | "emulated">;

/** A deployment that changed, after the change. */
export interface ChangedDeployment extends StoredDeployment {
  /**
   * Rises with every change made by this process, given while the row is locked: of two changes of one deployment, the one with the higher
   * revision was committed later.
   */
  readonly revision: number;
}

/** What starting a wave needs. */
export interface WaveStart {
  readonly rolloutId: string;
  readonly wave: number;
  readonly bundleId: string;
  readonly now: number;
  readonly deadlineAt: number;
  readonly newId: () => string;
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

  /** Devices of a wave that have no deployment of its rollout yet. */
  async findToStart(rolloutId: string, wave: number, limit: number): Promise<string[]> {
    const rows = await this.database
      .tables<RolloutTables>()
      .selectFrom("rollout_device as chosen")
      .leftJoin("device_deployment as started", (join) =>
        join.onRef("started.rollout_id", "=", "chosen.rollout_id").onRef("started.device_id", "=", "chosen.device_id"),
      )
      .select("chosen.device_id")
      .where("chosen.rollout_id", "=", rolloutId)
      .where("chosen.wave", "=", wave)
      .where("started.deployment_id", "is", null)
      .orderBy("chosen.device_id")
      .limit(limit)
      .execute();
    return rows.map((row) => row.device_id);
  }

  /** Makes the deployments of some devices and supersedes what they were still at; all or nothing, and twice is once. */
  start(wave: WaveStart, deviceIds: readonly string[]): Promise<ChangedDeployment[]> {
    return this.change(async (db) => {
      const inserted = await db
        .insertInto("device_deployment")
        .values(deviceIds.map((deviceId) => newRow(wave, deviceId)))
        .onConflict((conflict) => conflict.columns(["rollout_id", "device_id"]).doNothing())
        .returningAll()
        .execute();
      const older = await db
        .selectFrom("device_deployment")
        .selectAll()
        .where("device_id", "in", deviceIds)
        .where("rollout_id", "<", wave.rolloutId)
        .where("status", "in", LIVE)
        .orderBy("deployment_id")
        .$if(this.locks, (query) => query.forUpdate())
        .execute();
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

  /** Deployments of a rollout in the order of their devices' ids, after one of them if given. */
  async ofRollout(rolloutId: string, limit: number, after?: string): Promise<StoredDeployment[]> {
    let query = this.database
      .tables<RolloutTables>()
      .selectFrom("device_deployment")
      .selectAll()
      .where("rollout_id", "=", rolloutId)
      .orderBy("device_id")
      .limit(limit);
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
  if (row.device_id !== reported.deviceId) return undefined;
  const report = deploymentReportOf(reported, { deploymentId: row.deployment_id, bundleId: row.bundle_id });
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

function newRow(start: WaveStart, deviceId: string): DeviceDeploymentTable {
  return {
    deployment_id: start.newId(),
    rollout_id: start.rolloutId,
    device_id: deviceId,
    wave: start.wave,
    bundle_id: start.bundleId,
    status: INITIAL_DEPLOYMENT.status,
    step: INITIAL_DEPLOYMENT.step,
    progress: null,
    error: null,
    report_sequence: INITIAL_DEPLOYMENT.reportSequence,
    report_boot_id: INITIAL_DEPLOYMENT.reportBootId,
    queued_at: start.now,
    updated_at: start.now,
    deadline_at: start.deadlineAt,
  };
}

function toState(row: DeviceDeploymentTable): DeploymentState {
  return {
    status: row.status,
    step: row.step,
    progress: row.progress === null ? null : JSON.parse(row.progress),
    error: row.error === null ? null : JSON.parse(row.error),
    reportSequence: row.report_sequence,
    reportBootId: row.report_boot_id,
  };
}

function toStored(row: DeviceDeploymentTable): StoredDeployment {
  const { status, step, progress, error } = toState(row);
  return {
    deploymentId: row.deployment_id,
    rolloutId: row.rollout_id,
    deviceId: row.device_id,
    bundleId: row.bundle_id,
    tailoring: null,
    wave: row.wave,
    status,
    step,
    progress,
    error,
    queuedAt: row.queued_at,
    updatedAt: row.updated_at,
    deadlineAt: row.deadline_at,
  };
}
