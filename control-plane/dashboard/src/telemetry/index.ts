export {
  type ChartColumns,
  type ClassShare,
  chartColumns,
  classShares,
  joinTelemetry,
  type LiveWindow,
  mergeTelemetry,
} from "./series.js";
