export {
  type ChartColumns,
  type ClassShare,
  chartColumns,
  classShares,
  joinTelemetry,
  type LiveWindow,
  liveSince,
  mergeTelemetry,
  type TelemetryRead,
} from "./series.js";
