/** How the runtime room behaves; every field has a default that suits a small device. */
export interface RuntimeSettings {
  /** Longest loading of a model, ms. */
  readonly loadTimeoutMs: number;
  /** Longest acceptance check, ms. */
  readonly probeTimeoutMs: number;
  /** Longest time from handing a request to the child until its answer, ms; past it the child counts as hung and is killed. */
  readonly runTimeoutMs: number;
  /** Longest time a request waits before it is handed to the child, ms. */
  readonly queueTimeoutMs: number;
  /** Most requests that wait. */
  readonly queueLength: number;
  /** Requests handed to the child at once: one runs while the next is decoded. */
  readonly requestsInChild: number;
  /** Crashes in a row after which the model counts as failing and requests are refused at once. */
  readonly crashesUntilFailing: number;
  /** Pause before the first restart and the longest one, ms; it doubles with each crash in a row. */
  readonly restartDelayMs: number;
  readonly longestRestartDelayMs: number;
  /** A child that served this long, ms, starts counting its crashes anew. */
  readonly healthyAfterMs: number;
  /** Longest time a replaced or stopped child may finish its requests, ms. */
  readonly drainTimeoutMs: number;
  /** Environment of the child: nothing of the agent's own is inherited, so no secret reaches the process that reads models. */
  readonly childEnvironment: Readonly<Record<string, string>>;
}

export const DEFAULT_RUNTIME_SETTINGS: RuntimeSettings = {
  loadTimeoutMs: 120_000,
  probeTimeoutMs: 300_000,
  runTimeoutMs: 30_000,
  queueTimeoutMs: 10_000,
  queueLength: 128,
  requestsInChild: 3,
  crashesUntilFailing: 3,
  restartDelayMs: 100,
  longestRestartDelayMs: 30_000,
  healthyAfterMs: 60_000,
  drainTimeoutMs: 30_000,
  childEnvironment: {},
};
