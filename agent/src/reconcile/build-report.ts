import type {
  DesiredState,
  OrdersRefusal,
  ReportedDeployment,
  ReportedServing,
  ReportedSlot,
  ReportedState,
  ReportedTuning,
} from "@sartor/shared/protocol";
import type { DeploymentRecord, DownloadProgress, InstalledSlot, SlotName } from "../ota/index.js";

/** What a report is made of; time and sequence are added when it is sent. */
export interface ReportSources {
  readonly deviceId: string;
  readonly agent: ReportedState["agent"];
  readonly desired: DesiredState | null;
  readonly activeSlot: SlotName | undefined;
  readonly installed: readonly InstalledSlot[];
  readonly record: DeploymentRecord | null;
  readonly progress: DownloadProgress | undefined;
  readonly serving: ReportedServing;
  readonly tuning: ReportedTuning | null;
  readonly ordersRefusal: OrdersRefusal | null;
  readonly outbox: ReportedState["outbox"];
}

/** A report without the parts that differ each time it is sent. */
export type ReportBody = Omit<ReportedState, "at" | "sequence">;

/** Builds the reported state. Pure: the same sources give the same report, so that only changes are sent. */
export function buildReport(sources: ReportSources): ReportBody {
  const slots = sources.installed.map(describeSlot);
  return {
    schemaVersion: 1,
    deviceId: sources.deviceId,
    generation: sources.desired?.generation ?? 0,
    agent: sources.agent,
    slots: {
      active: slots.find((slot) => slot.slot === sources.activeSlot) ?? null,
      inactive: slots.find((slot) => slot.slot !== sources.activeSlot) ?? null,
    },
    deployment: sources.record === null ? null : describeDeployment(sources.record, sources.progress),
    serving: sources.serving,
    tuning: sources.tuning,
    ordersRefusal: sources.ordersRefusal,
    outbox: sources.outbox,
  };
}

function describeSlot({ slot, bundleId, installedAt, manifest }: InstalledSlot): ReportedSlot {
  return {
    slot,
    bundleId,
    model: manifest.model,
    version: manifest.version,
    variant: manifest.variant.name,
    installedAt,
  };
}

function describeDeployment(record: DeploymentRecord, progress: DownloadProgress | undefined): ReportedDeployment {
  return {
    deploymentId: record.deployment.deploymentId,
    bundleId: record.deployment.bundle.bundleId,
    status: record.status,
    step: record.step,
    attempt: record.attempt,
    ...(progress === undefined ? {} : { progress }),
    ...(record.error === undefined ? {} : { error: record.error }),
    ...(record.probe === undefined ? {} : { probe: record.probe }),
  };
}
