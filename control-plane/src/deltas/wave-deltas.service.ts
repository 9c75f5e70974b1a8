import { Injectable, Logger, type OnModuleDestroy } from "@nestjs/common";
import { type DesiredState, type Digest, deltaBases } from "@sartor/shared/protocol";
import { BundlesService } from "../bundles/index.js";
import { Clock, Settings } from "../config/index.js";
import { DevicesService } from "../devices/index.js";
import { EventBus } from "../events/index.js";
import { DeltasService } from "./deltas.service.js";

/** Of one bundle that is being rolled out: for how long, ms, so many devices are looked at and so many differences asked for. */
const LOOK = { lifetimeMs: 600_000, devices: 64, pairs: 8 };
/** Bundles that are rolled out at the same time. */
const MOST_TARGETS = 100;

interface Target {
  readonly since: number;
  devices: number;
  pairs: number;
  /** What devices hold that were looked at. */
  readonly held: Set<string>;
}

/**
 * When devices are told to install a bundle, has the differences made from what the first of them hold, before they ask. A wave is mostly of
 * devices with the same bundles: a few say what all will ask for.
 */
@Injectable()
export class WaveDeltas implements OnModuleDestroy {
  readonly #logger = new Logger("Deltas");
  readonly #targets = new Map<Digest, Target>();
  #looking: Promise<void> = Promise.resolve();
  #stopping = false;

  constructor(
    private readonly settings: Settings,
    private readonly devices: DevicesService,
    private readonly bundles: BundlesService,
    private readonly deltas: DeltasService,
    private readonly clock: Clock,
    events: EventBus,
  ) {
    events.on("desired.published", ({ deviceId, desired }) => this.note(deviceId, desired));
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopping = true;
    await this.#looking;
  }

  private note(deviceId: string, { deployment }: DesiredState): void {
    if (deployment === null || this.settings.deltaStoreBytes === 0) return;
    const { bundleId } = deployment.bundle;
    const target = this.targetOf(bundleId);
    if (target.devices >= LOOK.devices || target.pairs >= LOOK.pairs) return;
    target.devices++;
    this.#looking = this.#looking
      .then(() => this.look(deviceId, bundleId, target))
      .catch((error) => this.#logger.warn(`What ${deviceId} holds could not be looked up: ${error}`));
  }

  private targetOf(bundleId: Digest): Target {
    const now = this.clock.now();
    const known = this.#targets.get(bundleId);
    if (known !== undefined && now - known.since < LOOK.lifetimeMs) return known;
    const target: Target = { since: now, devices: 0, pairs: 0, held: new Set() };
    this.#targets.delete(bundleId);
    this.#targets.set(bundleId, target);
    const [oldest] = this.#targets.keys();
    if (this.#targets.size > MOST_TARGETS && oldest !== undefined) this.#targets.delete(oldest);
    return target;
  }

  private async look(deviceId: string, bundleId: Digest, target: Target): Promise<void> {
    if (this.#stopping) return;
    const { reported } = await this.devices.detail(deviceId);
    const held = reported?.slots.active?.bundleId;
    if (held === undefined || held === bundleId || target.held.has(held)) return;
    target.held.add(held);
    const files = await this.bundles.filesOf([bundleId, held]);
    const ofHeld = files.get(held) ?? [];
    for (const file of files.get(bundleId) ?? []) {
      const bases = deltaBases(file, [ofHeld]);
      if (bases.length === 0 || target.pairs >= LOOK.pairs) continue;
      target.pairs++;
      await this.deltas.prepare(file.digest, bases, file.bytes);
    }
  }
}
