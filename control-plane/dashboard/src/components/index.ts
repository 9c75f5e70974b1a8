export { Badge, EmulatedMark, StatusBadge } from "./badge.js";
export { Chart, type ChartLine } from "./chart.js";
export { ConfirmDialog } from "./confirm-dialog.js";
export { type Fact, Facts, Panel } from "./facts.js";
export { Ago, Since, Until, useNow } from "./moment.js";
export { EmptyState, ErrorNote, Loading } from "./notice.js";
export { ByteBar, StepPath } from "./progress.js";
export { type BarPart, StackedBar } from "./stacked-bar.js";
export { type Column, VirtualTable } from "./virtual-table.js";
