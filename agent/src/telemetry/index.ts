export type { Observation, Serving } from "./observation.js";
export { TelemetryReporter, type TelemetryReporterOptions } from "./telemetry-reporter.js";
export { type ClosedWindow, WindowAggregator } from "./window-aggregator.js";
export { WindowStream, type WindowStreamOptions } from "./window-stream.js";
