import { Injectable } from "@nestjs/common";
import { DEFAULT_GROUP, type GroupScope } from "@sartor/shared/protocol";
import { type AuthTables, groupValues } from "../auth/index.js";
import { Database } from "../database/index.js";
import type { DeviceSummaryRow, DeviceTable, DeviceTables } from "./devices.tables.js";

/** Columns of a summary: a reported state of up to 256 KiB a row is not read for lists. */
const SUMMARY_COLUMNS = [
  "device.device_id",
  "device.name",
  "device.emulated",
  "device.enrolled_at",
  "device.presence",
  "device.presence_since",
  "device.last_seen_at",
  "device.board",
  "device.architecture",
  "device.serving",
  "device.deployment",
  "device.latest",
] as const satisfies readonly `device.${Exclude<keyof DeviceSummaryRow, "group_name">}`[];

/** Which devices a list shows. */
export interface DeviceFilter {
  readonly presence?: "online" | "offline" | "never_seen" | undefined;
  /** Part of a name, an id or a board, letter case ignored. */
  readonly text?: string | undefined;
  /** Only devices of this group. */
  readonly group?: string | undefined;
  /** Groups that whoever asks may see; null means all. */
  readonly scope: GroupScope;
  /** Only ids after this one. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Reads and single writes of the registry; what devices send is written by {@link DeviceWrites}. */
@Injectable()
export class DevicesRepository {
  constructor(private readonly database: Database) {}

  /** Adds a device; one that is there already stays as it is. */
  async insert(device: { deviceId: string; name: string; emulated: boolean; at: number }): Promise<void> {
    await this.#db
      .insertInto("device")
      .values({
        device_id: device.deviceId,
        name: device.name,
        emulated: device.emulated ? 1 : 0,
        enrolled_at: device.at,
        presence: "never_seen",
        presence_since: device.at,
        desired_generation: 0,
      })
      .onConflict((conflict) => conflict.column("device_id").doNothing())
      .execute();
  }

  async find(deviceId: string): Promise<DeviceTable | undefined> {
    return this.#db.selectFrom("device").selectAll().where("device_id", "=", deviceId).executeTakeFirst();
  }

  /** A device without what only its own page shows. */
  async findSummary(deviceId: string): Promise<DeviceSummaryRow | undefined> {
    return this.#summaries().where("device.device_id", "=", deviceId).executeTakeFirst();
  }

  async exists(deviceId: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom("device")
      .select("device_id")
      .where("device_id", "=", deviceId)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** Devices in the order of their ids. The reported state is left out: lists do not show it. */
  async list(filter: DeviceFilter): Promise<DeviceSummaryRow[]> {
    let query = this.#summaries().orderBy("device.device_id").limit(filter.limit);
    if (filter.scope !== null) query = query.where("identity.group_name", "in", groupValues(filter.scope));
    if (filter.group !== undefined) query = query.where("identity.group_name", "=", filter.group);
    if (filter.after !== undefined) query = query.where("device.device_id", ">", filter.after);
    if (filter.presence !== undefined) query = query.where("presence", "=", filter.presence);
    if (filter.text !== undefined && filter.text !== "") {
      const pattern = filter.text.toLowerCase();
      // instr and strpos instead of like: what a person types has no wildcards.
      const position = this.database.dialect === "sqlite" ? "instr" : "strpos";
      query = query.where((eb) =>
        eb.or(
          (["device.name", "device.device_id", "device.board"] as const).map((column) =>
            eb(eb.fn<number>(position, [eb.fn("lower", [eb.ref(column)]), eb.val(pattern)]), ">", 0),
          ),
        ),
      );
    }
    return query.execute();
  }

  async ids(): Promise<string[]> {
    const rows = await this.#db.selectFrom("device").select("device_id").orderBy("device_id").execute();
    return rows.map((row) => row.device_id);
  }

  async names(): Promise<{ device_id: string; name: string; emulated: number }[]> {
    return this.#db.selectFrom("device").select(["device_id", "name", "emulated"]).execute();
  }

  async presences(): Promise<
    Pick<DeviceTable, "device_id" | "presence" | "presence_since" | "session_id" | "last_seen_at">[]
  > {
    return this.#db
      .selectFrom("device")
      .select(["device_id", "presence", "presence_since", "session_id", "last_seen_at"])
      .execute();
  }

  /** How many devices there are, as far as a scope goes. */
  async count(scope: GroupScope): Promise<number> {
    let query = this.#db.selectFrom("device").select((eb) => eb.fn.countAll<number>().as("count"));
    if (scope !== null) {
      query = query.where("device_id", "in", (eb) =>
        eb
          .selectFrom("device_identity")
          .select("device_identity.device_id")
          .where("group_name", "in", groupValues(scope)),
      );
    }
    return Number((await query.executeTakeFirstOrThrow()).count);
  }

  async newestInventory(deviceId: string): Promise<string | null> {
    const row = await this.#db
      .selectFrom("device_inventory")
      .select("inventory")
      .where("device_id", "=", deviceId)
      .orderBy("received_at", "desc")
      .limit(1)
      .executeTakeFirst();
    return row?.inventory ?? null;
  }

  /** The newest inventories of some devices, by their ids; those that sent none are left out. */
  async newestInventories(deviceIds: readonly string[]): Promise<{ device_id: string; inventory: string }[]> {
    if (deviceIds.length === 0) return [];
    return this.#db
      .selectFrom("device_inventory as kept")
      .innerJoin(
        (eb) =>
          eb
            .selectFrom("device_inventory")
            .select(["device_id", eb.fn.max("received_at").as("received_at")])
            .where("device_id", "in", deviceIds)
            .groupBy("device_id")
            .as("newest"),
        (join) =>
          join.onRef("newest.device_id", "=", "kept.device_id").onRef("newest.received_at", "=", "kept.received_at"),
      )
      .select(["kept.device_id", "kept.inventory"])
      .execute();
  }

  /** Changes columns of one device; false when there is no such device. */
  async update(
    deviceId: string,
    columns: Partial<Pick<DeviceTable, "name" | "deployment" | "desired_generation">>,
  ): Promise<boolean> {
    const result = await this.#db
      .updateTable("device")
      .set(columns)
      .where("device_id", "=", deviceId)
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  async delete(deviceId: string): Promise<void> {
    await this.#db.deleteFrom("device").where("device_id", "=", deviceId).execute();
  }

  /** Devices with their groups. One that is being deleted has none any more and counts as of the default group. */
  #summaries() {
    return this.#db
      .selectFrom("device")
      .leftJoin("device_identity as identity", "identity.device_id", "device.device_id")
      .select(SUMMARY_COLUMNS)
      .select((eb) => eb.fn.coalesce("identity.group_name", eb.val(DEFAULT_GROUP)).as("group_name"));
  }

  get #db() {
    return this.database.tables<DeviceTables & Pick<AuthTables, "device_identity">>();
  }
}
