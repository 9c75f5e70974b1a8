import { Injectable } from "@nestjs/common";
import type { ReportedState } from "@sartor/shared/protocol";
import { Clock, Settings } from "../config/index.js";
import { type BatchWriter, Database } from "../database/index.js";
import { DevicesService } from "../devices/index.js";
import { EventBus } from "../events/index.js";
import { type ChangedDeployment, DeploymentsRepository } from "./deployments.repository.js";
import type { RolloutTables } from "./rollouts.tables.js";

/** Deployments told of together. */
const ANNOUNCE_AT_ONCE = 200;

/** Takes what devices report of their deployments, and tells everyone of deployments that changed. */
@Injectable()
export class DeploymentChanges {
  readonly #reports: BatchWriter<ReportedState, ChangedDeployment | undefined>;
  /** What each device's summary was told last. */
  readonly #shown = new Map<string, Pick<ChangedDeployment, "rolloutId" | "revision">>();

  constructor(
    private readonly devices: DevicesService,
    private readonly events: EventBus,
    repository: DeploymentsRepository,
    database: Database,
    settings: Settings,
    clock: Clock,
  ) {
    this.#reports = database.batchWriter<RolloutTables, ReportedState, ChangedDeployment | undefined>(
      { maximumItems: 500, maximumWaitMs: settings.writeBehindMs },
      (db, reports) => repository.applyReports(db, reports, clock.now()),
    );
    events.on("device.reported", ({ message }) => this.take(message));
    events.on("device.deleted", ({ deviceId }) => {
      this.#shown.delete(deviceId);
    });
  }

  /** Called with deployments after their change is committed. */
  async announce(changed: readonly ChangedDeployment[]): Promise<void> {
    // Together, so that they share a transaction, but not all: others want to read in between.
    for (let first = 0; first < changed.length; first += ANNOUNCE_AT_ONCE) {
      const some = changed.slice(first, first + ANNOUNCE_AT_ONCE);
      await Promise.all(some.map((deployment) => this.show(deployment)));
      for (const { deploymentId, deviceId, rolloutId } of some) {
        this.events.emit("deployment.changed", { deploymentId, deviceId, rolloutId });
        this.events.emit("rollout.changed", { rolloutId });
      }
    }
  }

  /**
   * The summary of a device shows the newest deployment: one that a newer took the place of no longer counts, and neither does a change
   * that is told of after a later one (who commits first need not get here first).
   */
  private async show(changed: ChangedDeployment): Promise<void> {
    const { deploymentId, deviceId, rolloutId, revision, status, step, error } = changed;
    if (error?.code === "SRT_DEPLOYMENT_SUPERSEDED") return;
    const shown = this.#shown.get(deviceId);
    if (shown !== undefined && (rolloutId < shown.rolloutId || revision < shown.revision)) return;
    this.#shown.set(deviceId, { rolloutId, revision });
    await this.devices.setDeployment(deviceId, { deploymentId, rolloutId, status, step });
  }

  private async take(reported: ReportedState): Promise<void> {
    if (reported.deployment === null) return;
    const changed = await this.#reports.add(reported);
    if (changed !== undefined) await this.announce([changed]);
  }
}
