import {
  type ModelVersionView,
  pageOf,
  type RolloutDetail,
  type RolloutRequest,
  rolloutDetailSchema,
  rolloutSummarySchema,
} from "@sartor/shared/protocol";
import type { ApiClient } from "../api-client.js";

const POLL_MS = 500;

/** Rolls a model version out to those devices that no running or finished rollout of it covers; undefined when all are covered. */
export async function ensureRollout(
  api: ApiClient,
  model: ModelVersionView,
  deviceIds: readonly string[],
): Promise<string | undefined> {
  const covered = new Set<string>();
  const { items } = await api.get("/api/v1/rollouts?limit=100", pageOf(rolloutSummarySchema));
  let running: string | undefined;
  for (const summary of items) {
    if (summary.model !== model.model || summary.version !== model.version) continue;
    const rollout = await api.get(`/api/v1/rollouts/${summary.rolloutId}`, rolloutDetailSchema);
    for (const deployment of rollout.deployments) {
      if (["queued", "in_progress", "succeeded"].includes(deployment.status)) covered.add(deployment.deviceId);
    }
    if (summary.status === "running") running ??= summary.rolloutId;
  }
  const devices = deviceIds.filter((id) => !covered.has(id));
  if (devices.length === 0) return running;
  const request: RolloutRequest = {
    name: `demo: ${model.model} ${model.version}`,
    model: model.model,
    version: model.version,
    devices,
    // Variants come later, and with them something to measure.
    tailoring: { tune: "never" },
  };
  return (await api.post("/api/v1/rollouts", request, rolloutSummarySchema)).rolloutId;
}

/** Waits until a rollout is finished; tells each change of a device's step. */
export async function followRollout(
  api: ApiClient,
  rolloutId: string,
  onStep: (line: string) => void,
  signal: AbortSignal,
): Promise<RolloutDetail> {
  const seen = new Map<string, string>();
  for (;;) {
    signal.throwIfAborted();
    const rollout = await api.get(`/api/v1/rollouts/${rolloutId}`, rolloutDetailSchema);
    for (const { deploymentId, deviceName, status, step, error } of rollout.deployments) {
      const now = `${deviceName}: ${status === "in_progress" ? step : status}${error === null ? "" : ` (${error.code}: ${error.message})`}`;
      if (seen.get(deploymentId) === now) continue;
      seen.set(deploymentId, now);
      onStep(now);
    }
    if (rollout.status !== "running") return rollout;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
