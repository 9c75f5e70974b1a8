import { Injectable, Logger, type OnModuleDestroy } from "@nestjs/common";
import { type AuditEntry, printable, type RolloutSummary } from "@sartor/shared/protocol";
import { Clock } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { RolloutsService } from "../rollouts/index.js";
import { Audit } from "./audit.service.js";

/** A rollout's changes within this time are looked at once, ms: each of its deployments changes it. */
const SETTLE_MS = 250;
/** Rollouts whose beginning or end was written down already. */
const MOST_REMEMBERED = 10_000;

type Fact = Pick<AuditEntry, "action"> & Partial<Omit<AuditEntry, "sequence" | "at" | "action">>;

const SYSTEM: AuditEntry["actor"] = { kind: "system", id: null, name: null, role: null };

/** Writes down what devices and the control plane do by themselves, and what people were refused. */
@Injectable()
export class AuditEvents implements OnModuleDestroy {
  readonly #logger = new Logger(AuditEvents.name);
  readonly #rollouts = new Map<string, NodeJS.Timeout>();
  readonly #written = new Set<string>();
  /** What happened before was written down then. */
  readonly #since: number;

  constructor(
    events: EventBus,
    private readonly audit: Audit,
    private readonly rollouts: RolloutsService,
    clock: Clock,
  ) {
    this.#since = clock.now();
    events.on("device.enrolled", ({ deviceId, name }) =>
      this.#append({ action: "device.enrolled", actor: deviceActor(deviceId, name), target: { deviceId } }),
    );
    events.on("device.revoked", ({ deviceId }) => this.#append({ action: "device.revoked", target: { deviceId } }));
    events.on("device.deleted", ({ deviceId }) => this.#append({ action: "device.deleted", target: { deviceId } }));
    events.on("signing.published", ({ models }) =>
      this.#append({ action: "signing.published", target: { model: printable(models.join(" "), 256) } }),
    );
    events.on("rollout.changed", ({ rolloutId }) => this.#lookAt(rolloutId));
    events.on("person.logged_in", ({ name, role, address, correlationId }) =>
      this.#append({
        action: "person.logged_in",
        actor: { kind: "user", id: name, name, role },
        address: printable(address, 128),
        target: { userName: name },
        correlationId,
      }),
    );
    events.on("person.refused", ({ kind, id, name, role, ...refused }) =>
      this.#append({
        action: printable(`${refused.method} ${refused.route}`, 256),
        actor: { kind, id, name, role },
        address: printable(refused.address, 128),
        target: Object.fromEntries(
          Object.entries(refused.target).map(([key, value]) => [printable(key, 64), printable(value, 256)]),
        ),
        outcome: refused.code,
        status: refused.status,
        correlationId: refused.correlationId,
      }),
    );
  }

  onModuleDestroy(): void {
    for (const timer of this.#rollouts.values()) clearTimeout(timer);
    this.#rollouts.clear();
  }

  async #append(fact: Fact): Promise<void> {
    const nothing = { actor: SYSTEM, address: null, target: {}, outcome: "ok", status: null, correlationId: null };
    await this.audit.append({ ...nothing, ...fact });
  }

  #lookAt(rolloutId: string): void {
    if (this.#rollouts.has(rolloutId)) return;
    const look = () => {
      this.#rollouts.delete(rolloutId);
      this.#note(rolloutId).catch((error: unknown) => {
        this.#logger.error(`A rollout could not be written down: ${error instanceof Error ? error.message : error}`);
      });
    };
    this.#rollouts.set(rolloutId, setTimeout(look, SETTLE_MS).unref());
  }

  async #note(rolloutId: string): Promise<void> {
    const { createdAt, finishedAt, status, name, model, version, origin }: RolloutSummary = await this.rollouts.summary(
      rolloutId,
      null,
    );
    const target = { rolloutId, name: printable(name, 256), model, version, origin };
    if (createdAt >= this.#since && this.#isNew(`${rolloutId} started`)) {
      await this.#append({ action: "rollout.started", target });
    }
    if (finishedAt !== null && finishedAt >= this.#since && this.#isNew(`${rolloutId} ended`)) {
      await this.#append({ action: "rollout.ended", target: { ...target, status } });
    }
  }

  #isNew(what: string): boolean {
    if (this.#written.has(what)) return false;
    this.#written.add(what);
    const oldest = this.#written.values().next();
    if (this.#written.size > MOST_REMEMBERED && !oldest.done) this.#written.delete(oldest.value);
    return true;
  }
}

function deviceActor(deviceId: string, name: string): AuditEntry["actor"] {
  return { kind: "device", id: deviceId, name: printable(name, 256), role: null };
}
