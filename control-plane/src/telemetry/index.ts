export { TelemetryModule } from "./telemetry.module.js";
export { TelemetryRepository } from "./telemetry.repository.js";
export { TelemetryService } from "./telemetry.service.js";
export { toPoint } from "./telemetry-point.js";
