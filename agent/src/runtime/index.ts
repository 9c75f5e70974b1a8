export type { ExecutionReport, LoadedModel, ModelRun, RuntimeAdapter } from "./adapter.js";
export {
  type CandidateBundle,
  CandidateProcess,
  CandidateProcesses,
  type CandidateProcessesOptions,
} from "./candidate-processes.js";
export { InferenceServer, type InferenceServerOptions } from "./http/inference-server.js";
export type { InferenceObservation } from "./http/observation.js";
export { ModelHost, type ModelHostOptions, type ProbeReport, type StagedModel, type Trial } from "./model-host.js";
export type { ProcessExit } from "./model-process.js";
export type { ServableBundle } from "./served-model.js";
export { DEFAULT_RUNTIME_SETTINGS, type RuntimeSettings } from "./settings.js";
