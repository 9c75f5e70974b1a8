import { Injectable, Logger, type OnModuleInit } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type {
  GroupScope,
  Page,
  ReportedState,
  TuningReport,
  TuningView,
  tuningRequestSchema,
} from "@sartor/shared/protocol";
import type { z } from "zod";
import { DeviceGroups } from "../auth/index.js";
import { Clock, Ids } from "../config/index.js";
import { DevicesService } from "../devices/index.js";
import { EventBus, type Received } from "../events/index.js";
import { type NewTuning, type OrderedCandidate, type StoredTuning, toTuningView } from "./stored-tuning.js";
import { TailoringService } from "./tailoring.service.js";
import { type ActiveTuning, TuningsRepository } from "./tunings.repository.js";
import type { VersionPlanner } from "./version-planner.js";

/** Time that a device has beyond its budget, for downloads and for being away, ms; being told counts too. */
const GRACE_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Least change of a device's progress that is stored. */
const PROGRESS_STEP = 0.05;

/** A tuning request with its defaults filled in, for a known version. */
export type TuningOrderRequest = Required<Pick<z.output<typeof tuningRequestSchema>, "model" | "version">> &
  Omit<z.output<typeof tuningRequestSchema>, "model" | "version"> & {
    /** Why it is asked for, for people. */
    readonly reason: string;
    /** The deployment whose success asks for it; null for a person's request. */
    readonly deploymentId: string | null;
    /** Measure only the candidates of this variant. */
    readonly variant?: string | undefined;
  };

/** Tunings: what devices are asked to measure, how far they are and what they say. */
@Injectable()
export class TuningsService implements OnModuleInit {
  readonly #logger = new Logger(TuningsService.name);
  /** What is under way, by device: reports come often, and most say nothing of a tuning. */
  readonly #active = new Map<string, ActiveTuning>();

  constructor(
    private readonly repository: TuningsRepository,
    private readonly tailoring: TailoringService,
    private readonly devices: DevicesService,
    private readonly groups: DeviceGroups,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {
    events.on("device.tuning", (received) => this.take(received));
    events.on("device.reported", ({ message }) => this.follow(message));
    events.on("device.deleted", async ({ deviceId }) => {
      this.#active.delete(deviceId);
      await repository.forget(deviceId);
    });
  }

  async onModuleInit(): Promise<void> {
    for (const tuning of await this.repository.active()) this.#active.set(tuning.deviceId, tuning);
  }

  /**
   * Has a device measure the candidates of its plan. One that is under way on it is canceled.
   *
   * @param mayMeasure whether the device would take a variant's bundle; the others are not asked for
   * @param planner plans this version under this policy; shared by whoever orders for many devices
   * @throws SartorError SRT_DEVICE_UNKNOWN, SRT_MODEL_UNKNOWN, SRT_TAILORING_NO_INVENTORY; SRT_TAILORING_NO_VARIANT where the plan has no
   *   candidate that the device could run; SRT_TRUST_UNSIGNED where it would take none of them
   */
  async order(
    deviceId: string,
    request: TuningOrderRequest,
    mayMeasure: (variantId: string) => boolean,
    planner?: VersionPlanner,
  ): Promise<TuningView> {
    const inventory = await this.tailoring.inventoryOf(deviceId);
    const plans = planner ?? (await this.tailoring.plannerOf(request.model, request.version, request.policy));
    const { plan, runnable } = await plans.plan(inventory);
    const planned = runnable.filter(
      ({ candidate }) => request.variant === undefined || candidate.variant.name === request.variant,
    );
    const candidates = planned.filter(({ variantId }) => mayMeasure(variantId));
    if (planned.length > 0 && candidates.length === 0) {
      const names = [...new Set(planned.map(({ candidate }) => candidate.variant.name))].join(", ");
      throw new SartorError(
        "SRT_TRUST_UNSIGNED",
        `None of the variants that ${deviceId} could measure is signed for it: ${names}. Sign them: sartor keys requests.`,
        { details: { planId: plan.planId } },
      );
    }
    if (candidates.length === 0) {
      throw new SartorError("SRT_TAILORING_NO_VARIANT", plan.summary, { details: { planId: plan.planId } });
    }
    const now = this.clock.now();
    const tuningId = this.ids.ulid();
    await this.place({
      tuningId,
      deviceId,
      model: request.model,
      version: request.version,
      reason: request.reason,
      apply: request.apply,
      candidates,
      rules: { minimumGain: request.minimumGain, hysteresisMs: Math.round(request.hysteresisHours * HOUR_MS) },
      budget: { seconds: request.budgetSeconds, maximumCpuShare: request.maximumCpuShare },
      deviceType: plan.deviceType,
      emulated: inventory.emulated,
      deploymentId: request.deploymentId,
      follows: null,
      createdAt: now,
      deadlineAt: now + request.budgetSeconds * 1_000 + GRACE_MS,
    });
    return this.get(tuningId);
  }

  /**
   * A tuning, as far as a scope goes.
   *
   * @throws SartorError SRT_TUNING_UNKNOWN
   */
  async get(tuningId: string, scope: GroupScope = null): Promise<TuningView> {
    const tuning = await this.repository.find(tuningId);
    if (tuning === undefined || !(await this.groups.sees(scope, tuning.deviceId)))
      throw new SartorError("SRT_TUNING_UNKNOWN", `There is no tuning ${tuningId}.`);
    return toTuningView(tuning);
  }

  /** A tuning; undefined where it is gone. */
  async find(tuningId: string): Promise<TuningView | undefined> {
    const tuning = await this.repository.find(tuningId);
    return tuning === undefined ? undefined : toTuningView(tuning);
  }

  /**
   * A device's tunings, newest first.
   *
   * @throws SartorError SRT_DEVICE_UNKNOWN
   */
  async ofDevice(deviceId: string, limit: number, before?: string): Promise<Page<TuningView>> {
    await this.devices.requireExists(deviceId);
    const found = await this.repository.ofDevice(deviceId, limit + 1, before);
    const items = found.slice(0, limit).map(toTuningView);
    return { items, nextCursor: found.length > limit ? (items.at(-1)?.tuningId ?? null) : null };
  }

  /**
   * Ends a tuning that is under way; what was measured so far is lost.
   *
   * @throws SartorError SRT_TUNING_UNKNOWN; SRT_CONFLICT where it ended already
   */
  async cancel(tuningId: string, scope: GroupScope): Promise<TuningView> {
    const { deviceId, status } = await this.get(tuningId, scope);
    if (!(await this.repository.cancel(tuningId, this.clock.now()))) {
      throw new SartorError("SRT_CONFLICT", `The tuning has ${status} already.`, { details: { status } });
    }
    this.ended({ tuningId, deviceId });
    this.events.emit("tuning.ordered", { deviceId });
    return this.get(tuningId);
  }

  // --- for rollouts ------------------------------------------------------------------------------

  /** Ends what was not finished in time. Called by the executor, which then tells the devices. */
  async endOverdue(): Promise<void> {
    const now = this.clock.now();
    for (let ended = await this.repository.endOverdue(now); ended.length > 0; ) {
      for (const tuning of ended) {
        this.#logger.warn(`${tuning.deviceId} did not report on tuning ${tuning.tuningId} in time.`);
        this.ended(tuning);
      }
      ended = await this.repository.endOverdue(now);
    }
  }

  /** Tunings whose verdict is to be followed now, oldest first. */
  findFollowUps(limit: number): Promise<StoredTuning[]> {
    return this.repository.findFollowUps(limit, this.clock.now());
  }

  /**
   * Has a device measure again what it held back with because its last switch was too recent: what was faster then need not be now. Once for each
   * such verdict.
   *
   * @param candidates those of its candidates that are still offered
   */
  async orderAgain(held: StoredTuning, candidates: readonly OrderedCandidate[]): Promise<void> {
    const now = this.clock.now();
    await this.place({
      ...held,
      tuningId: this.ids.ulid(),
      reason: "when it measured last, its last switch was too recent for another",
      candidates,
      deploymentId: null,
      follows: held.tuningId,
      createdAt: now,
      deadlineAt: now + held.budget.seconds * 1_000 + GRACE_MS,
    });
  }

  /** The newest tuning of a device, ordered or done again by itself; undefined where there is none. */
  async newestOf(deviceId: string): Promise<StoredTuning | undefined> {
    return (await this.repository.ofDevice(deviceId, 1))[0];
  }

  /** Notes that nothing follows from a verdict. */
  skipFollowUp(tuningId: string): Promise<void> {
    return this.repository.skipFollowUp(tuningId);
  }

  /** Whether a deployment's success has led to a tuning already. */
  isOrderedFor(deviceId: string, deploymentId: string): Promise<boolean> {
    return this.repository.ofDeployment(deviceId, deploymentId);
  }

  /** Real devices of a type that measured a version or are at it, by the variants that they were asked to measure. */
  devicesByVariant(
    deviceType: string,
    model: string,
    version: string,
  ): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    return this.repository.devicesByVariant(deviceType, model, version);
  }

  // --- from devices ------------------------------------------------------------------------------

  private async take({ deviceId, message, receivedAt }: Received<TuningReport>): Promise<void> {
    // Looked up first: of what nobody ordered not even the model need be known.
    const ordered = await this.repository.find(message.tuningId);
    if (ordered?.deviceId !== deviceId || ordered.model !== message.model || ordered.version !== message.version) {
      this.#logger.warn(`${deviceId} reported on a tuning that it was not asked for.`);
      return;
    }
    const measurements = await this.tailoring.measuredBy(message, ordered.candidates, receivedAt);
    const taken = await this.repository.take(message, measurements, receivedAt, this.ids.ulid());
    if (taken.outcome === "ignored") return;
    const { tuningId } = taken.tuning;
    if (taken.outcome === "late") {
      this.events.emit("tuning.changed", { tuningId, deviceId });
      return;
    }
    this.ended({ tuningId, deviceId });
    this.events.emit("tuning.finished", { tuningId, deviceId });
  }

  /** How far the device is, by its reported state. */
  private async follow({ deviceId, tuning }: ReportedState): Promise<void> {
    const active = this.#active.get(deviceId);
    if (active === undefined || tuning?.tuningId !== active.tuningId || tuning.step === "waiting") return;
    const begins = active.status === "queued";
    if (!begins && Math.abs(tuning.progress - active.progress) < PROGRESS_STEP) return;
    this.#active.set(deviceId, { ...active, status: "in_progress", progress: tuning.progress });
    if (await this.repository.setProgress(active.tuningId, tuning.progress)) {
      this.events.emit("tuning.changed", { tuningId: active.tuningId, deviceId });
    }
  }

  private async place(tuning: NewTuning): Promise<void> {
    const { tuningId, deviceId } = tuning;
    const superseded = await this.repository.order(tuning);
    if (superseded === undefined) return;
    this.#active.set(deviceId, { tuningId, deviceId, status: "queued", progress: 0 });
    for (const canceled of superseded) this.events.emit("tuning.changed", { tuningId: canceled, deviceId });
    this.events.emit("tuning.changed", { tuningId, deviceId });
    this.events.emit("tuning.ordered", { deviceId });
  }

  private ended({ tuningId, deviceId }: Pick<ActiveTuning, "tuningId" | "deviceId">): void {
    if (this.#active.get(deviceId)?.tuningId === tuningId) this.#active.delete(deviceId);
    this.events.emit("tuning.changed", { tuningId, deviceId });
  }
}
