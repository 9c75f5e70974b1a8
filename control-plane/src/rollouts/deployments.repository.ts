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
import type { DeviceDeploymentTable, RolloutTables } from "./rollouts.tables.js";

/** A deployment that changed, after the change. */
export type ChangedDeployment = Omit<DeviceDeploymentView, "deviceName" | "emulated">;

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
 */
@Injectable()
export class DeploymentsRepository {
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
    return this.database.transaction<RolloutTables, ChangedDeployment[]>(async (db) => {
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
        .execute();
      const changed: ChangedDeployment[] = [];
      for (const row of older) {
        const after = await applyTo(db, row, { type: "superseded", byRolloutId: wave.rolloutId }, wave.now);
        if (after !== undefined) changed.push(after);
      }
      await noteToPlan(db, deviceIds);
      return [...changed, ...inserted.map(toChanged)];
    });
  }

  /** Applies one event to each of some deployments. */
  applyToAll(deploymentIds: readonly string[], event: DeploymentEvent, now: number): Promise<ChangedDeployment[]> {
    return this.database.transaction<RolloutTables, ChangedDeployment[]>(async (db) => {
      const changed: ChangedDeployment[] = [];
      for (const id of deploymentIds) {
        const row = await this.load(db, id);
        const after = row === undefined ? undefined : await applyTo(db, row, event, now);
        if (after !== undefined) changed.push(after);
      }
      return changed;
    });
  }

  /** Applies what a device reported, within the batch's transaction; undefined where it changes nothing. */
  async applyReport(db: Db, reported: ReportedState, now: number): Promise<ChangedDeployment | undefined> {
    const { deployment } = reported;
    if (deployment === null) return undefined;
    const row = await this.load(db, deployment.deploymentId);
    if (row === undefined || row.device_id !== reported.deviceId) return undefined;
    const report = deploymentReportOf(reported, { deploymentId: row.deployment_id, bundleId: row.bundle_id });
    return report === undefined ? undefined : applyTo(db, row, { type: "reported", report }, now);
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

  async ofRollout(rolloutId: string): Promise<ChangedDeployment[]> {
    const rows = await this.database
      .tables<RolloutTables>()
      .selectFrom("device_deployment")
      .selectAll()
      .where("rollout_id", "=", rolloutId)
      .orderBy("device_id")
      .execute();
    return rows.map(toChanged);
  }

  async find(deploymentId: string): Promise<ChangedDeployment | undefined> {
    const row = await this.database
      .tables<RolloutTables>()
      .selectFrom("device_deployment")
      .selectAll()
      .where("deployment_id", "=", deploymentId)
      .executeTakeFirst();
    return row === undefined ? undefined : toChanged(row);
  }

  /** On PostgreSQL the row is locked; SQLite runs one transaction at a time anyway. */
  private load(db: Db, deploymentId: string): Promise<DeviceDeploymentTable | undefined> {
    return db
      .selectFrom("device_deployment")
      .selectAll()
      .where("deployment_id", "=", deploymentId)
      .$if(this.database.dialect === "postgres", (query) => query.forUpdate())
      .executeTakeFirst();
  }
}

/** Notes that desired states are to be computed anew. */
export async function noteToPlan(db: Db, deviceIds: readonly string[]): Promise<void> {
  for (let first = 0; first < deviceIds.length; first += ROWS_AT_ONCE) {
    await db
      .insertInto("device_to_plan")
      .values(deviceIds.slice(first, first + ROWS_AT_ONCE).map((deviceId) => ({ device_id: deviceId })))
      .onConflict((conflict) => conflict.column("device_id").doNothing())
      .execute();
  }
}

async function applyTo(
  db: Db,
  row: DeviceDeploymentTable,
  event: DeploymentEvent,
  now: number,
): Promise<ChangedDeployment | undefined> {
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
  if (plan.effects.some((effect) => effect.type === "replan_device")) await noteToPlan(db, [row.device_id]);
  return toChanged(after);
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

function toChanged(row: DeviceDeploymentTable): ChangedDeployment {
  const { status, step, progress, error } = toState(row);
  return {
    deploymentId: row.deployment_id,
    rolloutId: row.rollout_id,
    deviceId: row.device_id,
    bundleId: row.bundle_id,
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
