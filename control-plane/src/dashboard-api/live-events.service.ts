import { setImmediate as pause } from "node:timers/promises";
import { Injectable, Logger, type OnModuleDestroy } from "@nestjs/common";
import type { LiveEvent, LiveListName } from "@sartor/shared/protocol";
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

/** Makes an event at the end of a window, out of what then is; undefined where the thing is gone. */
type MakeEvent = () => Promise<LiveEvent | undefined>;

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
    private readonly devices: DevicesService,
    private readonly rollouts: RolloutsService,
    private readonly models: ModelsService,
    private readonly variants: VariantsService,
    private readonly tunings: TuningsService,
  ) {
    events.on("device.changed", ({ deviceId }) => this.note(`device ${deviceId}`, () => this.device(deviceId)));
    events.on("rollout.changed", ({ rolloutId }) => this.note(`rollout ${rolloutId}`, () => this.rollout(rolloutId)));
    events.on("deployment.changed", ({ deploymentId }) =>
      this.note(`deployment ${deploymentId}`, () => this.deployment(deploymentId)),
    );
    events.on("build.changed", ({ buildId }) => this.note(`build ${buildId}`, () => this.build(buildId)));
    events.on("model.changed", ({ model, version }) =>
      this.note(`model ${model} ${version}`, () => this.model(model, version)),
    );
    events.on("tuning.changed", ({ tuningId }) => this.note(`tuning ${tuningId}`, () => this.tuning(tuningId)));
    events.on("device.told", ({ deviceId, event }) =>
      this.note(`device_event ${deviceId} ${event.sequence} ${event.at}`, async () => ({
        type: "device_event",
        deviceId,
        event,
      })),
    );
    events.on("desired.hold_changed", ({ deploymentId }) =>
      this.note(`deployment ${deploymentId}`, () => this.deployment(deploymentId)),
    );
    events.on("signing.published", () => this.noteList("trust"));
    events.on("signing.requested", () => this.noteList("trust"));
    events.on("device.waiting", () => this.noteList("waiting_devices"));
    events.on("device.enrolled", () => this.noteList("waiting_devices"));
    events.on("audit.appended", () => this.noteList("audit"));
    events.on("telemetry.stored", ({ deviceId, message }) =>
      // Each window is a thing of its own: merging two would lose one.
      this.note(`telemetry ${deviceId} ${message.streamId} ${message.sequence}`, async () => ({
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

  private async deliver(makers: readonly MakeEvent[]): Promise<void> {
    for (let start = 0; start < makers.length; start += MADE_AT_ONCE) {
      if (start > 0) await pause();
      const texts = await this.make(makers.slice(start, start + MADE_AT_ONCE));
      for (const client of this.#clients) client.send(texts);
    }
  }

  private async make(makers: readonly MakeEvent[]): Promise<string[]> {
    const texts: string[] = [];
    for (const make of makers) {
      try {
        const event = await make();
        if (event !== undefined) texts.push(JSON.stringify(event));
      } catch (error) {
        this.#logger.error(`A live event could not be made: ${error instanceof Error ? error.message : error}`);
      }
    }
    return texts;
  }

  private async device(deviceId: string): Promise<LiveEvent> {
    const device = await this.devices.summary(deviceId);
    return device === undefined ? { type: "device_removed", deviceId } : { type: "device", device };
  }

  private async rollout(rolloutId: string): Promise<LiveEvent> {
    return { type: "rollout", rollout: await this.rollouts.summary(rolloutId) };
  }

  private async deployment(deploymentId: string): Promise<LiveEvent | undefined> {
    const deployment = await this.rollouts.deployment(deploymentId);
    return deployment === undefined ? undefined : { type: "deployment", deployment };
  }

  private async build(buildId: string): Promise<LiveEvent> {
    return { type: "build", build: await this.variants.buildView(buildId) };
  }

  private async model(model: string, version: string): Promise<LiveEvent> {
    return { type: "model", model: await this.models.get(model, version) };
  }

  private async tuning(tuningId: string): Promise<LiveEvent | undefined> {
    const tuning = await this.tunings.find(tuningId);
    return tuning === undefined ? undefined : { type: "tuning", tuning };
  }
}
