import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import { type GroupScope, scopeIncludes } from "@sartor/shared/protocol";
import { Database } from "../database/index.js";
import { EventBus } from "../events/index.js";
import type { Person } from "../http/index.js";
import type { AuthTables } from "./auth.tables.js";

/** SQLite binds at most 32,766 values in a statement. */
const IDS_AT_ONCE = 1_000;

/** Which group each device is in, and what of the fleet somebody may see. */
@Injectable()
export class DeviceGroups {
  constructor(
    private readonly database: Database,
    private readonly events: EventBus,
  ) {}

  /** The group of a device; undefined for one that is not enrolled. */
  async of(deviceId: string): Promise<string | undefined> {
    const row = await this.#db()
      .selectFrom("device_identity")
      .select("group_name")
      .where("device_id", "=", deviceId)
      .executeTakeFirst();
    return row?.group_name;
  }

  /**
   * Refuses a device that somebody may not see: to them it does not exist.
   *
   * @throws SartorError SRT_DEVICE_UNKNOWN
   */
  async requireSees(scope: GroupScope, deviceId: string): Promise<void> {
    if (!(await this.sees(scope, deviceId))) throw unknownDevice(deviceId);
  }

  /** Tells whether a scope includes a device's group. One that is gone is in no group. */
  async sees(scope: GroupScope, deviceId: string): Promise<boolean> {
    if (scope === null) return true;
    const group = await this.of(deviceId);
    return group !== undefined && scopeIncludes(scope, group);
  }

  /** Ids of the devices in some groups, in order. */
  async deviceIdsIn(groups: readonly string[]): Promise<string[]> {
    const rows = await this.#db()
      .selectFrom("device_identity")
      .select("device_id")
      .where("group_name", "in", groupValues(groups))
      .orderBy("device_id")
      .execute();
    return rows.map(({ device_id }) => device_id);
  }

  /** Groups of devices by their ids; without those that are not enrolled. */
  async ofMany(deviceIds: readonly string[]): Promise<Map<string, string>> {
    const groups = new Map<string, string>();
    for (let start = 0; start < deviceIds.length; start += IDS_AT_ONCE) {
      const rows = await this.#db()
        .selectFrom("device_identity")
        .select(["device_id", "group_name"])
        .where("device_id", "in", deviceIds.slice(start, start + IDS_AT_ONCE))
        .execute();
      for (const { device_id, group_name } of rows) groups.set(device_id, group_name);
    }
    return groups;
  }

  /** Groups that have devices, by name, with how many. */
  async list(scope: GroupScope): Promise<{ group: string; devices: number }[]> {
    let query = this.#db()
      .selectFrom("device_identity")
      .select(["group_name", ({ fn }) => fn.countAll<number>().as("devices")])
      .groupBy("group_name")
      .orderBy("group_name");
    if (scope !== null) query = query.where("group_name", "in", groupValues(scope));
    return (await query.execute()).map((row) => ({ group: row.group_name, devices: Number(row.devices) }));
  }

  /**
   * Moves a device into a group. Who saw it in its former group hears that it is gone.
   *
   * @throws SartorError SRT_DEVICE_UNKNOWN
   */
  async move(deviceId: string, group: string): Promise<void> {
    const former = await this.database.transaction<AuthTables, string | undefined>(async (db) => {
      // Written before it is read: of two moves at once, the later one sees the other.
      const locked = await db
        .updateTable("device_identity")
        .set((eb) => ({ group_name: eb.ref("group_name") }))
        .where("device_id", "=", deviceId)
        .returning("group_name")
        .executeTakeFirst();
      if (locked === undefined) return undefined;
      await db.updateTable("device_identity").set({ group_name: group }).where("device_id", "=", deviceId).execute();
      return locked.group_name;
    });
    if (former === undefined) throw unknownDevice(deviceId);
    if (former !== group) this.events.emit("device.left_group", { deviceId, group: former });
  }

  #db() {
    return this.database.tables<AuthTables>();
  }
}

/**
 * Refuses groups that somebody's role does not reach.
 *
 * @throws SartorError SRT_GROUP_FORBIDDEN
 */
export function requireGroups({ groups: scope, name }: Person, wanted: readonly string[]): void {
  const foreign = wanted.filter((group) => !scopeIncludes(scope, group));
  if (foreign.length === 0) return;
  const shown = foreign.slice(0, 5).join(", ");
  throw new SartorError("SRT_GROUP_FORBIDDEN", `${name} is not for ${shown}, but for ${groupsInWords(scope)}.`, {
    details: { groups: foreign },
  });
}

/** Groups as a query has them after `in`: PostgreSQL knows no empty list, and no group has an empty name. */
export function groupValues(groups: readonly string[]): readonly string[] {
  return groups.length === 0 ? [""] : groups;
}

/** A scope as a sentence has it. */
export function groupsInWords(scope: GroupScope): string {
  if (scope === null) return "all groups";
  return scope.length === 0 ? "no group" : scope.join(", ");
}

function unknownDevice(deviceId: string): SartorError {
  return new SartorError("SRT_DEVICE_UNKNOWN", `No device ${deviceId} is enrolled.`, { details: { deviceId } });
}
