import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from "@nestjs/common";
import { planRollout, type RolloutEffect, type RolloutEvent } from "@sartor/shared/domain/rollout";
import { BundlesService } from "../bundles/index.js";
import { Clock, Ids } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { DeploymentChanges } from "./deployment-changes.service.js";
import { DeploymentsRepository } from "./deployments.repository.js";
import { DesiredPublisher } from "./desired-publisher.service.js";
import { RolloutsRepository, type RunningRollout } from "./rollouts.repository.js";

/** Longest time between two looks, ms; deadlines are noticed this late at most. */
const TICK_INTERVAL_MS = 1_000;
/** Most overdue deployments ended in one go. */
const OVERDUE_AT_ONCE = 1_000;

/**
 * Makes rollouts progress. Each tick reads what is wanted and what is, and does the next step of each rollout; nothing depends on
 * having seen an event, so a killed control plane goes on where it was. Kicked by events, it ticks at once.
 */
@Injectable()
export class RolloutExecutor implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(RolloutExecutor.name);
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = true;

  constructor(
    private readonly rollouts: RolloutsRepository,
    private readonly deployments: DeploymentsRepository,
    private readonly changes: DeploymentChanges,
    private readonly desired: DesiredPublisher,
    private readonly bundles: BundlesService,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {
    events.on("device.enrolled", ({ deviceId }) => this.planDevice(deviceId));
    events.on("device.deleted", ({ deviceId }) => this.forgetDevice(deviceId));
    events.on("deployment.changed", () => this.kick());
  }

  /** Puts every device's desired state in place before devices are let in, then starts to tick. */
  async onApplicationBootstrap(): Promise<void> {
    await this.desired.restore();
    this.#stopped = false;
    this.#timer = setInterval(() => this.kick(), TICK_INTERVAL_MS).unref();
    this.kick();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  /** Ticks now, or once more after the tick that runs. */
  kick(): void {
    if (this.#stopped) return;
    this.#again = true;
    this.#running ??= this.run().finally(() => {
      this.#running = undefined;
    });
  }

  private async run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      await this.guarded("deadlines", () => this.endOverdue());
      for (const rollout of (await this.guarded("rollouts", () => this.rollouts.findRunning())) ?? []) {
        await this.guarded(`rollout ${rollout.rolloutId}`, () => this.advance(rollout));
      }
      await this.guarded("desired states", () => this.desired.work());
    }
  }

  /** What fails does not keep the rest from being done, and is tried again with the next tick. */
  private async guarded<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#logger.error(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
      return undefined;
    }
  }

  private async endOverdue(): Promise<void> {
    const now = this.clock.now();
    const overdue = await this.deployments.findOverdue(now, OVERDUE_AT_ONCE);
    if (overdue.length === 0) return;
    await this.changes.announce(await this.deployments.applyToAll(overdue, { type: "deadline_passed" }, now));
    if (overdue.length === OVERDUE_AT_ONCE) this.#again = true;
  }

  private async advance(rollout: RunningRollout): Promise<void> {
    const event: RolloutEvent = rollout.cancelRequested
      ? { type: "canceled" }
      : { type: "observed", waves: await this.rollouts.countWaves(rollout.rolloutId) };
    const { state, effects } = planRollout(rollout.state, event);
    // Effects first: killed in between, the next tick finds the old state and does them again, which changes nothing.
    for (const effect of effects) await this.perform(rollout, effect);
    if (effects.length === 0) return;
    await this.rollouts.saveState(rollout.rolloutId, state, state.status === "running" ? null : this.clock.now());
    this.events.emit("rollout.changed", { rolloutId: rollout.rolloutId });
    this.#again = true;
  }

  private async perform(rollout: RunningRollout, effect: RolloutEffect): Promise<void> {
    const { rolloutId } = rollout;
    const now = this.clock.now();
    switch (effect.type) {
      case "start_wave": {
        const [bundle] = await this.bundles.ofVersion(rollout.model, rollout.version);
        if (bundle === undefined) throw new Error(`${rollout.model} ${rollout.version} has no bundle`);
        const { wave } = effect;
        const newId = () => this.ids.ulid();
        const { bundleId } = bundle;
        const deadlineAt = now + rollout.deadlineMs;
        await this.changes.announce(
          await this.deployments.startWave({ rolloutId, wave, bundleId, now, deadlineAt, newId }),
        );
        return;
      }
      case "cancel_deployments": {
        const live = await this.deployments.findLive({ rolloutId });
        const canceled = { type: "canceled", reason: "An operator canceled the rollout." } as const;
        await this.changes.announce(await this.deployments.applyToAll(live, canceled, now));
        return;
      }
      case "finished":
        this.#logger.log(`Rollout ${rolloutId} ${effect.status}.`);
        return;
    }
  }

  private async planDevice(deviceId: string): Promise<void> {
    await this.desired.request([deviceId]);
    this.kick();
  }

  private async forgetDevice(deviceId: string): Promise<void> {
    const live = await this.deployments.findLive({ deviceId });
    const gone = { type: "canceled", reason: "The device was removed from the fleet." } as const;
    await this.changes.announce(await this.deployments.applyToAll(live, gone, this.clock.now()));
    await this.desired.forget(deviceId);
    this.kick();
  }
}
