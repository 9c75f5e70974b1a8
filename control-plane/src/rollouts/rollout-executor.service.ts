import { setTimeout as delay, setImmediate as pause } from "node:timers/promises";
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from "@nestjs/common";
import { planRollout, type RolloutEffect, type RolloutEvent } from "@sartor/shared/domain/rollout";
import { Clock, Ids } from "../config/index.js";
import { DevicesService } from "../devices/index.js";
import { EventBus } from "../events/index.js";
import { TuningsService } from "../tailoring/index.js";
import { DeploymentChanges } from "./deployment-changes.service.js";
import { type ChangedDeployment, DeploymentsRepository } from "./deployments.repository.js";
import { DesiredPublisher } from "./desired-publisher.service.js";
import { RolloutsRepository, type RunningRollout } from "./rollouts.repository.js";
import { TuningFlow } from "./tuning-flow.service.js";
import { VariantChooser } from "./variant-chooser.service.js";

/** Longest time between two looks, ms; deadlines are noticed this late at most. */
const TICK_INTERVAL_MS = 1_000;
/** Longest wait, at the end, for a broker to take what is on its way to it, ms; what it does not take is published after the next start. */
const LAST_PUBLISH_MS = 2_000;
/** Deployments changed in one transaction. */
const DEVICES_AT_ONCE = 200;

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
  /** Devices to be forgotten, and who waits for it. */
  readonly #removed = new Map<string, PromiseWithResolvers<void>>();
  /** Devices that were removed since the start: nothing is begun on them any more. An id is never given twice. */
  readonly #gone = new Set<string>();

  constructor(
    private readonly rollouts: RolloutsRepository,
    private readonly deployments: DeploymentsRepository,
    private readonly changes: DeploymentChanges,
    private readonly desired: DesiredPublisher,
    private readonly chooser: VariantChooser,
    private readonly tunings: TuningsService,
    private readonly flow: TuningFlow,
    private readonly devices: DevicesService,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {
    events.on("device.enrolled", ({ deviceId }) => this.planDevice(deviceId));
    events.on("device.deleted", ({ deviceId }) => this.forgetDevice(deviceId));
    events.on("signing.published", () => this.signAgain());
    for (const name of ["deployment.changed", "tuning.ordered", "tuning.finished"] as const) {
      events.on(name, () => this.kick());
    }
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
    await this.forgetRemoved();
    await Promise.race([this.desired.settle(), delay(LAST_PUBLISH_MS, undefined, { ref: false })]);
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
      await pause();
      await this.forgetRemoved();
      await this.guarded("deadlines", () => this.endOverdue());
      await this.guarded("tunings' deadlines", () => this.tunings.endOverdue());
      if (await this.guarded("verdicts", () => this.flow.followVerdicts())) this.#again = true;
      for (const rollout of (await this.guarded("rollouts", () => this.rollouts.findRunning())) ?? []) {
        await this.guarded(`rollout ${rollout.rolloutId}`, () => this.advance(rollout));
      }
      if (await this.guarded("tunings after deployments", () => this.flow.afterSuccesses())) this.#again = true;
      await this.guarded("desired states", () => this.desired.plan());
      await this.guarded("publishing", () => this.desired.publishPending(() => this.kick()));
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
    await this.inParts(
      () => this.deployments.findOverdue(now, DEVICES_AT_ONCE),
      (overdue) => this.deployments.applyToAll(overdue, { type: "deadline_passed" }, now),
    );
  }

  /**
   * Works through what is found until nothing is. Between two parts everyone else gets a turn: SQLite answers synchronously,
   * so that without a pause a rollout to ten thousand devices would keep HTTP and MQTT waiting.
   */
  private async inParts(
    find: () => Promise<string[]>,
    apply: (ids: readonly string[]) => Promise<ChangedDeployment[]>,
  ): Promise<void> {
    for (let ids = await find(); ids.length > 0 && !this.#stopped; ids = await find()) {
      await this.changes.announce(await apply(ids));
      await pause();
    }
  }

  private async advance(rollout: RunningRollout): Promise<void> {
    const event: RolloutEvent = rollout.cancelRequested
      ? { type: "canceled" }
      : { type: "observed", waves: await this.rollouts.countWaves(rollout.rolloutId) };
    const { state, effects } = planRollout(rollout.state, event);
    // Effects first: killed in between, the next tick finds the old state and does them again, which changes nothing.
    for (const effect of effects) await this.perform(rollout, effect);
    if (effects.length === 0 || this.#stopped) return;
    await this.rollouts.saveState(rollout.rolloutId, state, state.status === "running" ? null : this.clock.now());
    this.events.emit("rollout.changed", { rolloutId: rollout.rolloutId });
    this.#again = true;
  }

  private async perform(rollout: RunningRollout, effect: RolloutEffect): Promise<void> {
    const { rolloutId } = rollout;
    const now = this.clock.now();
    switch (effect.type) {
      case "start_wave":
        return this.startWave(rollout, effect.wave, now);
      case "cancel_deployments": {
        const canceled = { type: "canceled", reason: "An operator canceled the rollout." } as const;
        await this.inParts(
          () => this.deployments.findLive({ rolloutId }, DEVICES_AT_ONCE),
          (live) => this.deployments.applyToAll(live, canceled, now),
        );
        return;
      }
      case "finished":
        this.#logger.log(`Rollout ${rolloutId} ${effect.status}.`);
        return;
    }
  }

  /** Each device of the wave gets its deployment, but those that were removed since the rollout was ordered. */
  private async startWave(rollout: RunningRollout, wave: number, now: number): Promise<void> {
    const { rolloutId } = rollout;
    const newId = () => this.ids.ulid();
    const start = { rolloutId, wave, now, deadlineAt: now + rollout.deadlineMs, newId };
    const choose = await this.chooser.of(rollout);
    const enrolled = new Set(await this.devices.enrolledIds());
    let after = "";
    while (!this.#stopped) {
      const found = await this.deployments.findToStart(rolloutId, wave, DEVICES_AT_ONCE, after);
      const last = found.at(-1);
      if (last === undefined) return;
      after = last;
      const choices = await choose(found.filter((deviceId) => enrolled.has(deviceId)));
      const still = choices.filter(({ deviceId }) => !this.#gone.has(deviceId));
      await this.changes.announce(await this.deployments.start(start, still));
      await pause();
    }
  }

  private async planDevice(deviceId: string): Promise<void> {
    await this.desired.enrolled(deviceId);
    this.kick();
  }

  private async signAgain(): Promise<void> {
    await this.desired.signed();
    this.kick();
  }

  /** Done by the tick, not beside it: a state planned meanwhile would bring back what is forgotten here. */
  private forgetDevice(deviceId: string): Promise<void> {
    this.#gone.add(deviceId);
    if (this.#stopped) return this.forget(deviceId).then((clear) => clear());
    const waiting = this.#removed.get(deviceId) ?? Promise.withResolvers<void>();
    this.#removed.set(deviceId, waiting);
    this.kick();
    return waiting.promise;
  }

  private async forgetRemoved(): Promise<void> {
    for (const [deviceId, waiting] of this.#removed) {
      this.#removed.delete(deviceId);
      // The broker is not waited for here: it may be away.
      await this.forget(deviceId).then((clear) => void clear().then(waiting.resolve, waiting.reject), waiting.reject);
    }
  }

  private async forget(deviceId: string): Promise<() => Promise<void>> {
    const gone = { type: "canceled", reason: "The device was removed from the fleet." } as const;
    for (;;) {
      const live = await this.deployments.findLive({ deviceId }, DEVICES_AT_ONCE);
      if (live.length === 0) break;
      await this.changes.announce(await this.deployments.applyToAll(live, gone, this.clock.now()));
    }
    return this.desired.forget(deviceId);
  }
}
