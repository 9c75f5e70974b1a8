import { setImmediate as pause } from "node:timers/promises";
import { Injectable, Logger, type OnModuleDestroy } from "@nestjs/common";
import { type GroupScope, type LiveEvent, type LiveListName, scopeIncludes } from "@sartor/shared/protocol";
import { DeviceGroups } from "../auth/index.js";
import { DevicesService } from "../devices/index.js";
import { EventBus } from "../events/index.js";
import { ModelsService } from "../models/index.js";
import { RolloutsService } from "../rollouts/index.js";
import { TuningsService } from "../tailoring/index.js";
import { toPoint } from "../telemetry/index.js";
import { VariantsService } from "../variants/index.js";
import { Coalescer } from "./coalescer.js";
import type { LiveClient } from "./live-client.js";

/** Changes of one thing within this time become one event, ms. */
const WINDOW_MS = 250;

/** Events made in one go; then everyone else gets a turn, because SQLite answers synchronously. */
export const MADE_AT_ONCE = 100;

/**
 * Makes an event at the end of a window, out of what then is, for those who may see the groups of a scope; undefined where the thing is gone, or
 * nothing that they may see.
 */
type MakeEvent = (scope: GroupScope) => Promise<LiveEvent | undefined>;

/** Turns the control plane's events into what live clients see. Nothing is computed while nobody watches. */
@Injectable()
export class LiveEvents implements OnModuleDestroy {
  readonly #logger = new Logger(LiveEvents.name);
  readonly #clients = new Set<LiveClient>();
  readonly #changes = new Coalescer<MakeEvent>(WINDOW_MS, (makers) => {
    this.#delivering = this.#delivering.then(() => this.deliver(makers));
  });
  /** One delivery after the other, so that what was read later is also sent later. */
  #delivering: Promise<void> = Promise.resolve();

  constructor(
    events: EventBus,
    private readonly groups: DeviceGroups,
    private readonly devices: DevicesService,
    private readonly rollouts: RolloutsService,
    private readonly models: ModelsService,
    private readonly variants: VariantsService,
    private readonly tunings: TuningsService,
  ) {
    events.on("device.changed", ({ deviceId }) =>
      this.note(`device ${deviceId}`, (scope) => this.device(deviceId, scope)),
    );
    events.on("device.left_group", ({ deviceId, group }) =>
      this.note(`device ${deviceId} left ${group}`, (scope) => this.left(deviceId, group, scope)),
    );
    events.on("rollout.changed", ({ rolloutId }) =>
      this.note(`rollout ${rolloutId}`, (scope) => this.rollout(rolloutId, scope)),
    );
    events.on("deployment.changed", ({ deploymentId }) =>
      this.note(`deployment ${deploymentId}`, (scope) => this.deployment(deploymentId, scope)),
    );
    events.on("build.changed", ({ buildId }) => this.note(`build ${buildId}`, () => this.build(buildId)));
    events.on("model.changed", ({ model, version }) =>
      this.note(`model ${model} ${version}`, () => this.model(model, version)),
    );
    events.on("tuning.changed", ({ tuningId }) =>
      this.note(`tuning ${tuningId}`, (scope) => this.tuning(tuningId, scope)),
    );
    events.on("device.told", ({ deviceId, event }) =>
      this.noteOf(deviceId, `device_event ${deviceId} ${event.sequence} ${event.at}`, () => ({
        type: "device_event",
        deviceId,
        event,
      })),
    );
    events.on("desired.hold_changed", ({ deploymentId }) =>
      this.note(`deployment ${deploymentId}`, (scope) => this.deployment(deploymentId, scope)),
    );
    events.on("signing.published", () => this.noteList("trust"));
    events.on("signing.requested", () => this.noteList("trust"));
    events.on("device.waiting", () => this.noteList("waiting_devices"));
    events.on("device.enrolled", () => this.noteList("waiting_devices"));
    events.on("audit.appended", () =>
      this.note("list audit", async (scope) => (scope === null ? { type: "changed", list: "audit" } : undefined)),
    );
    events.on("telemetry.stored", ({ deviceId, message }) =>
      // Each window is a thing of its own: merging two would lose one.
      this.noteOf(deviceId, `telemetry ${deviceId} ${message.streamId} ${message.sequence}`, () => ({
        type: "telemetry",
        deviceId,
        point: toPoint(message),
        classCounts: message.inference.classCounts ?? {},
      })),
    );
  }

  onModuleDestroy(): void {
    this.#changes.stop();
  }

  /** Adds a client; returns what removes it. */
  join(client: LiveClient): () => void {
    this.#clients.add(client);
    return () => this.#clients.delete(client);
  }

  /** Tells clients that were too slow, and are not any more, to read everything again. */
  recoverAll(): void {
    for (const client of this.#clients) client.recover();
  }

  private note(key: string, make: MakeEvent): void {
    if (this.#clients.size > 0) this.#changes.add(key, make);
  }

  private noteList(list: LiveListName): void {
    this.note(`list ${list}`, async () => ({ type: "changed", list }));
  }

  /** Notes something of a device, for those who may see the device. */
  private noteOf(deviceId: string, key: string, make: () => LiveEvent): void {
    this.note(key, async (scope) => ((await this.groups.sees(scope, deviceId)) ? make() : undefined));
  }

  /** Each event is made once for all who may see the same groups, and of what they may see. */
  private async deliver(makers: readonly MakeEvent[]): Promise<void> {
    for (let start = 0; start < makers.length; start += MADE_AT_ONCE) {
      if (start > 0) await pause();
      let audience = 0;
      for (const [scope, clients] of this.audiences()) {
        if (audience++ > 0) await pause();
        const texts = await this.make(makers.slice(start, start + MADE_AT_ONCE), scope);
        for (const client of clients) client.send(texts);
      }
    }
  }

  /** Clients by what they may see. */
  private audiences(): Map<GroupScope, LiveClient[]> {
    const byKey = new Map<string, { scope: GroupScope; clients: LiveClient[] }>();
    for (const client of this.#clients) {
      const key = client.scope === null ? "" : [...client.scope].sort().join(" ");
      const audience = byKey.get(key) ?? { scope: client.scope, clients: [] };
      byKey.set(key, audience);
      audience.clients.push(client);
    }
    return new Map([...byKey.values()].map(({ scope, clients }) => [scope, clients]));
  }

  private async make(makers: readonly MakeEvent[], scope: GroupScope): Promise<string[]> {
    const texts: string[] = [];
    for (const make of makers) {
      try {
        const event = await make(scope);
        if (event !== undefined) texts.push(JSON.stringify(event));
      } catch (error) {
        this.#logger.error(`A live event could not be made: ${error instanceof Error ? error.message : error}`);
      }
    }
    return texts;
  }

  private async device(deviceId: string, scope: GroupScope): Promise<LiveEvent | undefined> {
    const device = await this.devices.summary(deviceId);
    if (device !== undefined) return scopeIncludes(scope, device.group) ? { type: "device", device } : undefined;
    // Who sees some groups is told by the group that it was in.
    return scope === null ? { type: "device_removed", deviceId } : undefined;
  }

  /** For who saw a device in a group that it is not in any more, and sees it nowhere else. */
  private async left(deviceId: string, group: string, scope: GroupScope): Promise<LiveEvent | undefined> {
    if (scope === null || !scopeIncludes(scope, group) || (await this.groups.sees(scope, deviceId))) return undefined;
    return { type: "device_removed", deviceId };
  }

  private async rollout(rolloutId: string, scope: GroupScope): Promise<LiveEvent | undefined> {
    const rollout = await this.rollouts.find(rolloutId, scope);
    return rollout === undefined ? undefined : { type: "rollout", rollout };
  }

  private async deployment(deploymentId: string, scope: GroupScope): Promise<LiveEvent | undefined> {
    const deployment = await this.rollouts.deployment(deploymentId);
    if (deployment === undefined || !(await this.groups.sees(scope, deployment.deviceId))) return undefined;
    return { type: "deployment", deployment };
  }

  private async build(buildId: string): Promise<LiveEvent> {
    return { type: "build", build: await this.variants.buildView(buildId) };
  }

  private async model(model: string, version: string): Promise<LiveEvent> {
    return { type: "model", model: await this.models.get(model, version) };
  }

  private async tuning(tuningId: string, scope: GroupScope): Promise<LiveEvent | undefined> {
    const tuning = await this.tunings.find(tuningId);
    if (tuning === undefined || !(await this.groups.sees(scope, tuning.deviceId))) return undefined;
    return { type: "tuning", tuning };
  }
}
