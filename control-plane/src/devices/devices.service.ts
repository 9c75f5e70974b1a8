import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type {
  DeviceChange,
  DeviceDetail,
  DeviceEvent,
  DeviceEventsReply,
  DeviceSummary,
  GroupScope,
  Inventory,
  Page,
} from "@sartor/shared/protocol";
import { DeviceGroups, DeviceIdentities } from "../auth/index.js";
import { EventBus, type Received } from "../events/index.js";
import { IngestService } from "../ingest/index.js";
import { DeviceEvents } from "./device-events.repository.js";
import { toDetail, toSummary } from "./device-view.js";
import { DeviceWrites } from "./device-writes.repository.js";
import { type DeviceFilter, DevicesRepository } from "./devices.repository.js";
import { PresenceService } from "./presence.service.js";

/** The registry: which devices there are and what is known of each. */
@Injectable()
export class DevicesService {
  constructor(
    private readonly repository: DevicesRepository,
    private readonly writes: DeviceWrites,
    private readonly told: DeviceEvents,
    private readonly presence: PresenceService,
    private readonly identities: DeviceIdentities,
    private readonly groups: DeviceGroups,
    private readonly ingest: IngestService,
    private readonly events: EventBus,
  ) {
    events.on("device.enrolled", async ({ deviceId, name, emulated, at }) => {
      await repository.insert({ deviceId, name, emulated, at });
      presence.add(deviceId, at);
      events.emit("device.changed", { deviceId });
    });
    events.on("device.inventory", async (received) => {
      if (await writes.inventory(received)) events.emit("device.changed", { deviceId: received.deviceId });
    });
    events.on("device.reported", async (received) => {
      if (await writes.reported(received)) events.emit("device.changed", { deviceId: received.deviceId });
    });
    events.on("device.event", (received) => this.keepEvent(received));
  }

  /** Lists devices by id. */
  async list(filter: DeviceFilter): Promise<Page<DeviceSummary>> {
    const rows = await this.repository.list({ ...filter, limit: filter.limit + 1 });
    const shown = rows.slice(0, filter.limit);
    return {
      items: shown.map((row) => toSummary(row, this.presence.of(row.device_id))),
      nextCursor: rows.length > filter.limit ? (shown.at(-1)?.device_id ?? null) : null,
    };
  }

  /** A device in short; undefined when there is none. */
  async summary(deviceId: string): Promise<DeviceSummary | undefined> {
    const row = await this.repository.findSummary(deviceId);
    return row === undefined ? undefined : toSummary(row, this.presence.of(deviceId));
  }

  /**
   * All that is known of a device.
   *
   * @throws SartorError SRT_DEVICE_UNKNOWN
   */
  async detail(deviceId: string): Promise<DeviceDetail> {
    const [row, summary] = await Promise.all([this.repository.find(deviceId), this.summary(deviceId)]);
    if (row === undefined || summary === undefined) throw unknownDevice(deviceId);
    const [inventory, invalid] = await Promise.all([
      this.repository.newestInventory(deviceId),
      this.ingest.invalidMessagesOf(deviceId),
    ]);
    return toDetail(summary, row, inventory, invalid);
  }

  /**
   * What a device told its operators, newest first.
   *
   * @throws SartorError SRT_DEVICE_UNKNOWN
   */
  async eventsOf(deviceId: string, limit: number): Promise<DeviceEventsReply> {
    await this.requireExists(deviceId);
    return { deviceId, events: await this.told.newest(deviceId, limit) };
  }

  private async keepEvent({ deviceId, message, receivedAt }: Received<DeviceEvent>): Promise<void> {
    if (message.type !== "log" || !(await this.told.add({ deviceId, message, receivedAt }))) return;
    const { at, level, code = null, message: text, sequence } = message;
    this.events.emit("device.told", { deviceId, event: { at, receivedAt, level, code, message: text, sequence } });
  }

  /**
   * Changes a device's name, or moves it into another group. What it runs and is told to do stays.
   *
   * @throws SartorError SRT_DEVICE_UNKNOWN
   */
  async change(deviceId: string, { name, group }: DeviceChange): Promise<DeviceDetail> {
    await this.requireExists(deviceId);
    if (name !== undefined) await this.repository.update(deviceId, { name });
    if (group !== undefined) await this.groups.move(deviceId, group);
    this.events.emit("device.changed", { deviceId });
    return this.detail(deviceId);
  }

  /**
   * Removes a device: its certificates first, which ends its connections at once, then everything that is known of it.
   *
   * @throws SartorError SRT_DEVICE_UNKNOWN
   */
  async delete(deviceId: string): Promise<void> {
    await this.requireExists(deviceId);
    const group = await this.groups.of(deviceId);
    await this.identities.remove(deviceId);
    await this.ingest.forget(deviceId);
    // Later modules remove what is theirs first: if that fails, the device is still listed and can be deleted again.
    await this.events.emitAndWait("device.deleted", { deviceId });
    this.presence.forget(deviceId);
    await this.repository.delete(deviceId);
    this.events.emit("device.changed", { deviceId });
    if (group !== undefined) this.events.emit("device.left_group", { deviceId, group });
  }

  /** @throws SartorError SRT_DEVICE_UNKNOWN */
  async requireExists(deviceId: string): Promise<void> {
    if (!(await this.repository.exists(deviceId))) throw unknownDevice(deviceId);
  }

  /** Ids of all devices, in order. */
  enrolledIds(): Promise<string[]> {
    return this.repository.ids();
  }

  /** How many devices are enrolled, as far as a scope goes. */
  count(scope: GroupScope): Promise<number> {
    return this.repository.count(scope);
  }

  /** Name and kind of devices; ids that are not enrolled are left out. */
  async namesOf(ids: Iterable<string>): Promise<Map<string, { name: string; emulated: boolean }>> {
    const wanted = new Set(ids);
    const rows = await this.repository.names();
    return new Map(
      rows
        .filter((row) => wanted.has(row.device_id))
        .map((row) => [row.device_id, { name: row.name, emulated: row.emulated === 1 }]),
    );
  }

  /** What a device said last of its hardware and software; undefined before that. */
  async inventory(deviceId: string): Promise<Inventory | undefined> {
    const text = await this.repository.newestInventory(deviceId);
    return text === null ? undefined : (JSON.parse(text) as Inventory);
  }

  /** The same for many devices at once; those that said nothing are left out. */
  async inventories(deviceIds: readonly string[]): Promise<Map<string, Inventory>> {
    const rows = await this.repository.newestInventories(deviceIds);
    return new Map(rows.map((row) => [row.device_id, JSON.parse(row.inventory) as Inventory]));
  }

  /** Told by rollouts: the deployment that a device's summary shows. */
  async setDeployment(deviceId: string, deployment: DeviceSummary["deployment"]): Promise<void> {
    const text = deployment === null ? null : JSON.stringify(deployment);
    if (await this.repository.update(deviceId, { deployment: text })) this.events.emit("device.changed", { deviceId });
  }

  /** Told by rollouts: the generation of the newest desired state. */
  async setDesiredGeneration(deviceId: string, generation: number): Promise<void> {
    await this.repository.update(deviceId, { desired_generation: generation });
  }

  /** Told by telemetry: the newest window in short. Written behind; resolves when committed. */
  async setLatest(deviceId: string, latest: NonNullable<DeviceSummary["latest"]>): Promise<void> {
    if (await this.writes.latest(deviceId, latest)) this.events.emit("device.changed", { deviceId });
  }
}

function unknownDevice(deviceId: string): SartorError {
  return new SartorError("SRT_DEVICE_UNKNOWN", `No device ${deviceId} is enrolled.`, { details: { deviceId } });
}
