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
      async (db, reports) => {
        const changed: (ChangedDeployment | undefined)[] = [];
        for (const reported of reports) changed.push(await repository.applyReport(db, reported, clock.now()));
        return changed;
      },
    );
    events.on("device.reported", ({ message }) => this.take(message));
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

  /** The summary of a device shows the newest deployment: one that a newer took the place of no longer counts. */
  private async show({ deploymentId, deviceId, rolloutId, status, step, error }: ChangedDeployment): Promise<void> {
    if (error?.code === "SRT_DEPLOYMENT_SUPERSEDED") return;
    await this.devices.setDeployment(deviceId, { deploymentId, rolloutId, status, step });
  }

  private async take(reported: ReportedState): Promise<void> {
    if (reported.deployment === null) return;
    const changed = await this.#reports.add(reported);
    if (changed !== undefined) await this.announce([changed]);
  }
}
