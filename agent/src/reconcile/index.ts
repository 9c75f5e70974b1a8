export { buildReport, type ReportBody } from "./build-report.js";
export { ORDER_KEY, Reconciler } from "./reconciler.js";
export { ReportPublisher } from "./report-publisher.js";
export type { ProbeReport, ServingPort, StagedModel } from "./serving-port.js";
export { StepExecutors } from "./step-executors.js";
