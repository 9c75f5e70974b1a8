export type {
  CandidateLoader,
  CandidateSession,
  CandidateStore,
  Conditions,
  ConditionsReader,
  Incumbent,
} from "./ports.js";
export { Tuner, type TunerOptions, type TuningReportBody } from "./tuner.js";
