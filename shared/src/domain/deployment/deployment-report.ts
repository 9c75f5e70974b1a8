import type { DeploymentStatus, DeploymentStep, ReportedError, ReportedState } from "../../protocol/index.js";

/** What one report of a device says about one deployment. */
export interface DeploymentReport {
  /** The report's sequence: within one run of the agent, a lower one is older. */
  readonly sequence: number;
  /** Names the run of the agent. */
  readonly bootId: string;
  readonly status: DeploymentStatus;
  readonly step: DeploymentStep;
  readonly progress: { readonly doneBytes: number; readonly totalBytes: number } | null;
  readonly error: ReportedError | null;
  /**
   * True where the device shows what success means: this bundle is the one in its active slot and it serves, ready, with as many threads
   * as it was told to (a device that says nothing of threads is believed).
   */
  readonly proven: boolean;
}

/**
 * Picks out of a device's reported state what concerns a deployment.
 *
 * @returns undefined where the report is about another deployment or about another bundle
 */
export function deploymentReportOf(
  reported: ReportedState,
  deployment: {
    readonly deploymentId: string;
    readonly bundleId: string;
    /** How many threads it was told to serve with; undefined where the bundle says it. */
    readonly intraOpThreads?: number | undefined;
  },
): DeploymentReport | undefined {
  const { deployment: said, serving, slots } = reported;
  if (said?.deploymentId !== deployment.deploymentId || said.bundleId !== deployment.bundleId) return undefined;
  return {
    sequence: reported.sequence,
    bootId: reported.agent.bootId,
    status: said.status,
    step: said.step,
    progress: said.progress ?? null,
    error: said.error ?? null,
    proven:
      said.status === "succeeded" &&
      serving.state === "ready" &&
      serving.bundleId === deployment.bundleId &&
      slots.active?.bundleId === deployment.bundleId &&
      (deployment.intraOpThreads ?? serving.intraOpThreads) === (serving.intraOpThreads ?? deployment.intraOpThreads),
  };
}
