import { setImmediate as pause } from "node:timers/promises";
import { Injectable } from "@nestjs/common";
import type { RolloutState, WaveCounts } from "@sartor/shared/domain/rollout";
import {
  DEPLOYMENT_STATUSES,
  type DesiredDeployment,
  type DeviceDeploymentView,
  type GroupScope,
  type RolloutSummary,
  type RuntimeSettings,
  rolloutTailoringSchema,
} from "@sartor/shared/protocol";
import type { z } from "zod";
import { type AuthTables, groupValues } from "../auth/index.js";
import { Database } from "../database/index.js";
import { settleFollowUp, type TailoringTables } from "../tailoring/index.js";
import type { RolloutTable, RolloutTables } from "./rollouts.tables.js";

/** How the bundle of each device is chosen, with its defaults filled in. */
export type RolloutTailoring = z.output<typeof rolloutTailoringSchema>;

/** What a new rollout is. */
export interface NewRollout {
  readonly rolloutId: string;
  readonly name: string;
  readonly model: string;
  readonly version: string;
  readonly deadlineMs: number;
  readonly probe: DesiredDeployment["probe"];
  readonly tailoring: RolloutTailoring;
  /** The verdict that it carries out; null for what a person or program asked for. */
  readonly follows: { readonly tuningId: string; readonly choice: FixedChoice } | null;
  readonly createdAt: number;
  /** Devices by wave, the first wave first. */
  readonly waves: readonly (readonly string[])[];
}

/** What a rollout after a tuning installs: the verdict's candidate. */
export interface FixedChoice {
  readonly bundleId: string;
  readonly runtime: RuntimeSettings;
  readonly tailoring: NonNullable<DeviceDeploymentView["tailoring"]>;
}

/** What a rollout was ordered to do. */
export type RolloutOrderRecord = Pick<NewRollout, "model" | "version" | "deadlineMs" | "probe" | "tailoring">;

/** A rollout as the executor sees it. */
export interface RunningRollout {
  readonly rolloutId: string;
  readonly model: string;
  readonly version: string;
  readonly deadlineMs: number;
  readonly tailoring: RolloutTailoring;
  /** What all its devices get; null where each device's own plan says it. */
  readonly choice: FixedChoice | null;
  readonly state: RolloutState;
  readonly cancelRequested: boolean;
}

/** SQLite binds at most 32,766 values in a statement. */
const ROWS_AT_ONCE = 1_000;

/** Finished rollouts whose counts are kept in memory. */
const COUNTS_KEPT = 10_000;

type Counts = RolloutSummary["counts"];

/** Rollouts and their devices in the database. */
@Injectable()
export class RolloutsRepository {
  /** Counts of finished rollouts: their deployments have all ended and never change again. */
  readonly #finalCounts = new Map<string, Counts>();

  constructor(private readonly database: Database) {}

  /**
   * Adds a rollout.
   *
   * @returns false where the verdict that it would carry out was settled already
   */
  insert(rollout: NewRollout): Promise<boolean> {
    return this.database.transaction<RolloutTables & TailoringTables, boolean>(async (db) => {
      const { follows } = rollout;
      if (follows !== null && !(await settleFollowUp(db, follows.tuningId, rollout.rolloutId))) return false;
      await db
        .insertInto("rollout")
        .values({
          rollout_id: rollout.rolloutId,
          name: rollout.name,
          model: rollout.model,
          version: rollout.version,
          deadline_ms: rollout.deadlineMs,
          probe: JSON.stringify(rollout.probe),
          status: "running",
          wave: 0,
          tailoring: JSON.stringify(rollout.tailoring),
          origin: follows === null ? "request" : "tuning",
          choice: follows === null ? null : JSON.stringify(follows.choice),
          cancel_requested_at: null,
          created_at: rollout.createdAt,
          finished_at: null,
        })
        .execute();
      const rows = rollout.waves.flatMap((devices, index) =>
        devices.map((deviceId) => ({ rollout_id: rollout.rolloutId, wave: index + 1, device_id: deviceId })),
      );
      for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) {
        await db
          .insertInto("rollout_device")
          .values(rows.slice(start, start + ROWS_AT_ONCE))
          .execute();
      }
      return true;
    });
  }

  /** Notes that an operator wants the rollout to stop; false where it does not run any more. */
  async requestCancel(rolloutId: string, now: number): Promise<boolean> {
    const result = await this.database
      .tables<RolloutTables>()
      .updateTable("rollout")
      .set((eb) => ({ cancel_requested_at: eb.fn.coalesce("cancel_requested_at", eb.val(now)) }))
      .where("rollout_id", "=", rolloutId)
      .where("status", "=", "running")
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  /** Every rollout that runs, oldest first. */
  async findRunning(): Promise<RunningRollout[]> {
    const rows = await this.database
      .tables<RolloutTables>()
      .selectFrom("rollout")
      .selectAll()
      .where("status", "=", "running")
      .orderBy("rollout_id")
      .execute();
    return rows.map((row) => ({
      rolloutId: row.rollout_id,
      model: row.model,
      version: row.version,
      deadlineMs: row.deadline_ms,
      tailoring: tailoringOf(row),
      choice: row.choice === null ? null : (JSON.parse(row.choice) as FixedChoice),
      state: { status: row.status, wave: row.wave },
      cancelRequested: row.cancel_requested_at !== null,
    }));
  }

  /** What a rollout was ordered to do; undefined where there is none. */
  async orderOf(rolloutId: string): Promise<RolloutOrderRecord | undefined> {
    const row = await this.database
      .tables<RolloutTables>()
      .selectFrom("rollout")
      .select(["model", "version", "deadline_ms", "probe", "tailoring"])
      .where("rollout_id", "=", rolloutId)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    return {
      model: row.model,
      version: row.version,
      deadlineMs: row.deadline_ms,
      probe: JSON.parse(row.probe) as DesiredDeployment["probe"],
      tailoring: tailoringOf(row),
    };
  }

  /**
   * The newest rollout that a device is in, canceled ones left out; undefined where there is none. Its id tells when it was ordered.
   */
  async newestOf(deviceId: string): Promise<{ rolloutId: string } | undefined> {
    const row = await this.database
      .tables<RolloutTables>()
      .selectFrom("rollout_device as chosen")
      .innerJoin("rollout", "rollout.rollout_id", "chosen.rollout_id")
      .select("rollout.rollout_id")
      .where("chosen.device_id", "=", deviceId)
      .where("rollout.status", "!=", "canceled")
      .orderBy("rollout.rollout_id", "desc")
      .limit(1)
      .executeTakeFirst();
    return row === undefined ? undefined : { rolloutId: row.rollout_id };
  }

  async saveState(rolloutId: string, state: RolloutState, finishedAt: number | null): Promise<void> {
    await this.database
      .tables<RolloutTables>()
      .updateTable("rollout")
      .set({ status: state.status, wave: state.wave, finished_at: finishedAt })
      .where("rollout_id", "=", rolloutId)
      .execute();
  }

  /** Counts of deployments by status, wave by wave; a wave that was not started has none. */
  async countWaves(rolloutId: string): Promise<WaveCounts[]> {
    const db = this.database.tables<RolloutTables>();
    const waves = await db
      .selectFrom("rollout_device")
      .select("wave")
      .distinct()
      .where("rollout_id", "=", rolloutId)
      .orderBy("wave")
      .execute();
    const counted = await db
      .selectFrom("device_deployment")
      .select(["wave", "status", (eb) => eb.fn.countAll<number>().as("count")])
      .where("rollout_id", "=", rolloutId)
      .groupBy(["wave", "status"])
      .execute();
    return waves.map(({ wave }) =>
      Object.fromEntries(counted.filter((row) => row.wave === wave).map((row) => [row.status, Number(row.count)])),
    );
  }

  /** A rollout; undefined where there is none that has a device of a scope. */
  async find(rolloutId: string, scope: GroupScope): Promise<RolloutSummary | undefined> {
    const row = await this.#within(scope).where("rollout_id", "=", rolloutId).executeTakeFirst();
    return row === undefined ? undefined : (await this.summarise([row], scope))[0];
  }

  /** Rollouts that have a device of a scope, newest first; one more than asked for where there are more. */
  async list(scope: GroupScope, limit: number, before: string | undefined): Promise<RolloutSummary[]> {
    let query = this.#within(scope)
      .orderBy("rollout_id", "desc")
      .limit(limit + 1);
    if (before !== undefined) query = query.where("rollout_id", "<", before);
    return this.summarise(await query.execute(), scope);
  }

  /** Tells whether a rollout has a device that is in none of some groups. */
  async reachesBeyond(rolloutId: string, groups: readonly string[]): Promise<boolean> {
    const foreign = await this.#db()
      .selectFrom("rollout_device as chosen")
      .innerJoin("device_identity as identity", "identity.device_id", "chosen.device_id")
      .select("chosen.device_id")
      .where("chosen.rollout_id", "=", rolloutId)
      .where("identity.group_name", "not in", groupValues(groups))
      .limit(1)
      .executeTakeFirst();
    return foreign !== undefined;
  }

  #within(scope: GroupScope) {
    const rollouts = this.#db().selectFrom("rollout").selectAll();
    if (scope === null) return rollouts;
    return rollouts.where((eb) =>
      eb.exists(
        eb
          .selectFrom("rollout_device as chosen")
          .innerJoin("device_identity as identity", "identity.device_id", "chosen.device_id")
          .select("chosen.device_id")
          .whereRef("chosen.rollout_id", "=", "rollout.rollout_id")
          .where("identity.group_name", "in", groupValues(scope)),
      ),
    );
  }

  #db() {
    return this.database.tables<RolloutTables & AuthTables>();
  }

  /** Counting ten thousand deployments takes SQLite 5 ms or so, synchronously: between two rollouts everyone else gets a turn. */
  private async summarise(rows: readonly RolloutTable[], scope: GroupScope): Promise<RolloutSummary[]> {
    const summaries: RolloutSummary[] = [];
    for (const row of rows) {
      // What is kept counts all devices.
      let counts = scope === null ? this.#finalCounts.get(row.rollout_id) : undefined;
      if (counts === undefined) {
        if (summaries.length > 0) await pause();
        counts = await this.count(row.rollout_id, scope);
        if (scope === null && row.status !== "running") this.keepCounts(row.rollout_id, counts);
      }
      summaries.push({
        rolloutId: row.rollout_id,
        name: row.name,
        model: row.model,
        version: row.version,
        status: row.status,
        origin: row.origin,
        createdAt: row.created_at,
        finishedAt: row.finished_at,
        counts,
      });
    }
    return summaries;
  }

  private async count(rolloutId: string, scope: GroupScope): Promise<Counts> {
    let query = this.#db()
      .selectFrom("device_deployment")
      .select(["status", (eb) => eb.fn.countAll<number>().as("count")])
      .where("rollout_id", "=", rolloutId)
      .groupBy("status");
    if (scope !== null) {
      query = query.where("device_id", "in", (eb) =>
        eb
          .selectFrom("device_identity")
          .select("device_identity.device_id")
          .where("group_name", "in", groupValues(scope)),
      );
    }
    const counted = await query.execute();
    const counts = Object.fromEntries(DEPLOYMENT_STATUSES.map((status) => [status, 0])) as Counts;
    for (const { status, count } of counted) counts[status] = Number(count);
    return counts;
  }

  private keepCounts(rolloutId: string, counts: Counts): void {
    const [oldest] = this.#finalCounts.keys();
    if (oldest !== undefined && this.#finalCounts.size >= COUNTS_KEPT) this.#finalCounts.delete(oldest);
    this.#finalCounts.set(rolloutId, counts);
  }
}

/** What an older version of the control plane wrote lacks what has a default. */
function tailoringOf(row: Pick<RolloutTable, "tailoring">): RolloutTailoring {
  return rolloutTailoringSchema.parse(JSON.parse(row.tailoring));
}
