import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from "@nestjs/common";
import type { TelemetryReply, TelemetryWindow } from "@sartor/shared/protocol";
import { Clock, Settings } from "../config/index.js";
import { DevicesService } from "../devices/index.js";
import { EventBus, type Received } from "../events/index.js";
import { countWindows } from "./count-windows.js";
import { TelemetryRepository } from "./telemetry.repository.js";
import { toLatest, toPoint } from "./telemetry-point.js";

const DAY_MS = 86_400_000;
const CLEAN_INTERVAL_MS = 600_000;
const CLEAN_AT_ONCE = 2_000;

/** Keeps what devices measured and answers questions about it. */
@Injectable()
export class TelemetryService implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(TelemetryService.name);
  /** End of the newest window told of, by device: a late window does not become the latest. */
  readonly #latest = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #cleaning: Promise<void> | undefined;
  #stopped = false;

  constructor(
    private readonly repository: TelemetryRepository,
    private readonly devices: DevicesService,
    private readonly events: EventBus,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {
    events.on("device.telemetry", (received) => this.take(received));
    events.on("device.deleted", async ({ deviceId }) => {
      this.#latest.delete(deviceId);
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
    const windows = await this.repository.find(deviceId, from, to, limit);
    const classCounts: Record<string, number> = {};
    for (const { inference } of windows) {
      for (const [index, count] of Object.entries(inference.classCounts ?? {})) {
        classCounts[index] = (classCounts[index] ?? 0) + count;
      }
    }
    return { deviceId, points: windows.map(toPoint), classCounts, windows: countWindows(windows) };
  }

  /** Removes windows past their time; a little at once, so that nothing else waits for it. */
  async clean(): Promise<void> {
    const before = this.clock.now() - this.settings.telemetryRetentionDays * DAY_MS;
    while (!this.#stopped && (await this.repository.removeBefore(before, CLEAN_AT_ONCE)) === CLEAN_AT_ONCE);
  }

  /** Late and repeated windows are normal: the outbox of a device sends again what was not acknowledged. */
  private async take(received: Received<TelemetryWindow>): Promise<void> {
    if (!(await this.repository.store(received))) return;
    this.events.emit("telemetry.stored", received);
    const { deviceId, message } = received;
    if (message.endedAt < (this.#latest.get(deviceId) ?? 0)) return;
    this.#latest.set(deviceId, message.endedAt);
    // The window is committed; the summary made of it must not keep the device waiting for its acknowledgement.
    this.devices.setLatest(deviceId, toLatest(toPoint(message))).catch((error: unknown) => {
      this.#logger.error(
        `The summary of ${deviceId} was not updated: ${error instanceof Error ? error.message : error}`,
      );
    });
  }
}
