import { setImmediate as pause } from "node:timers/promises";
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from "@nestjs/common";
import type { TelemetryPoint, TelemetryReply, TelemetryWindow } from "@sartor/shared/protocol";
import { Counter } from "prom-client";
import { Clock, Settings } from "../config/index.js";
import { DevicesService } from "../devices/index.js";
import { EventBus, type Received } from "../events/index.js";
import { Metrics } from "../http/index.js";
import { ClassTally } from "./class-counts.js";
import { countWindows, type WindowMark } from "./count-windows.js";
import { TelemetryRepository } from "./telemetry.repository.js";
import { toLatest } from "./telemetry-point.js";

const DAY_MS = 86_400_000;
const CLEAN_INTERVAL_MS = 600_000;
/** Class counts summed before everyone else gets a turn. */
const CLASSES_AT_ONCE = 20_000;

/** Keeps what devices measured and answers questions about it. */
@Injectable()
export class TelemetryService implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(TelemetryService.name);
  /** The newest window told of, by device: a late window does not become the latest. */
  readonly #newest = new Map<string, Pick<TelemetryWindow, "streamId" | "sequence">>();
  /** Devices of which it was logged that they have too many windows. */
  readonly #logged = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #cleaning: Promise<void> | undefined;
  #stopped = false;

  constructor(
    private readonly repository: TelemetryRepository,
    private readonly devices: DevicesService,
    private readonly events: EventBus,
    private readonly settings: Settings,
    private readonly clock: Clock,
    metrics: Metrics,
  ) {
    const removed = new Counter({
      name: "sartor_telemetry_windows_removed_total",
      help: "Telemetry windows removed before their time because their device had too many.",
      registers: [metrics.registry],
    });
    repository.onRemoved = (deviceId, windows) => {
      removed.inc(windows);
      if (this.#logged.has(deviceId)) return;
      this.#logged.add(deviceId);
      this.#logger.warn(
        `${deviceId} has more telemetry than is kept of one device: its oldest windows go, and are counted.`,
      );
    };
    events.on("device.telemetry", (received) => this.take(received));
    events.on("device.deleted", async ({ deviceId }) => {
      this.#newest.delete(deviceId);
      this.#logged.delete(deviceId);
      await repository.forget(deviceId);
    });
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => {
      this.#cleaning ??= this.clean()
        .catch((error) => this.#logger.error(`Old telemetry was not removed: ${error}`))
        .finally(() => {
          this.#cleaning = undefined;
        });
    }, CLEAN_INTERVAL_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#cleaning;
  }

  /**
   * What a device measured in a range of time, by its own clock.
   *
   * @param limit most windows; the newest are kept
   * @throws SartorError SRT_DEVICE_UNKNOWN
   */
  async query(deviceId: string, from: number, to: number, limit: number): Promise<TelemetryReply> {
    await this.devices.requireExists(deviceId);
    const newestFirst: WindowMark[] = [];
    const points: TelemetryPoint[] = [];
    const classes = new ClassTally();
    let work = 0;
    for await (const { point, classCounts, ...mark } of this.repository.find(deviceId, from, to, limit)) {
      newestFirst.push(mark);
      points.push(point);
      work += classes.add(classCounts);
      if (work < CLASSES_AT_ONCE) continue;
      work = 0;
      await pause();
    }
    return { deviceId, points: points.reverse(), classCounts: classes.result(), windows: countWindows(newestFirst) };
  }

  /** Removes windows past their time; a little at once, so that nothing else waits for it. */
  async clean(): Promise<void> {
    const before = this.clock.now() - this.settings.telemetryRetentionDays * DAY_MS;
    while (!this.#stopped && (await this.repository.removeBefore(before))) await pause();
  }

  /** Late and repeated windows are normal: the outbox of a device sends again what was not acknowledged. */
  private async take(received: Received<TelemetryWindow>): Promise<void> {
    const { fresh, point } = await this.repository.store(received);
    if (!fresh) return;
    this.events.emit("telemetry.stored", received);
    const { deviceId, message } = received;
    if (!this.isNewest(deviceId, message)) return;
    // The window is committed; the summary made of it must not keep the device waiting for its acknowledgement.
    this.devices.setLatest(deviceId, toLatest(point)).catch((error: unknown) => {
      this.#logger.error(
        `The summary of ${deviceId} was not updated: ${error instanceof Error ? error.message : error}`,
      );
    });
  }

  /**
   * Tells whether a window is the newest of its device, and notes it. Within a stream the sequence says so; a new stream is newer than the
   * one before. Not the device's clock: once set right, every window would be older than those from when it was wrong.
   */
  private isNewest(deviceId: string, { streamId, sequence }: TelemetryWindow): boolean {
    const newest = this.#newest.get(deviceId);
    if (newest?.streamId === streamId && sequence < newest.sequence) return false;
    this.#newest.set(deviceId, { streamId, sequence });
    return true;
  }
}
