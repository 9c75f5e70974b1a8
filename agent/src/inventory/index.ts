export { collectInventory, type InventoryDependencies } from "./collect-inventory.js";
export { type DeviceConditions, DeviceConditionsReader } from "./conditions.js";
export { loadEmulatedInventory } from "./emulated-inventory.js";
export { defaultHardware } from "./hardware-ids.js";
export { InventoryMonitor, type InventoryMonitorOptions } from "./inventory-monitor.js";
export { ownGlibcVersion } from "./operating-system.js";
export { fileProbeCache, type ProbeCache, type RuntimeDependencies, readRuntime } from "./runtime.js";
export { type SystemMetrics, type SystemMetricsDependencies, SystemMetricsReader } from "./system-metrics.js";
