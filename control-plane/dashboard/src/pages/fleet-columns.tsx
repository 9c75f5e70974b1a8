import type { DeviceSummary } from "@sartor/shared/protocol";
import { Ago, Badge, type Column, EmulatedMark, Since, StatusBadge } from "../components/index.js";
import {
  formatBytes,
  formatMilliseconds,
  formatRate,
  formatShare,
  formatTemperature,
  toneOf,
  UNKNOWN,
  words,
} from "../format/index.js";
import { devicePath, Link, rolloutPath } from "../router/index.js";

function unknown() {
  return <span class="unknown">{UNKNOWN}</span>;
}

function Serving({ device }: { readonly device: DeviceSummary }) {
  const { serving } = device;
  if (serving === null) return unknown();
  if (serving.state === "none") return <Badge tone="idle">nothing</Badge>;
  return (
    <span class="two-lines">
      <span>
        <Badge tone={toneOf(serving.state)} title={words(serving.state)}>
          {serving.model ?? words(serving.state)}
        </Badge>
      </span>
      <span class="second">
        {[serving.state === "ready" ? null : words(serving.state), serving.version, serving.variant]
          .filter((part) => part !== null)
          .join(" · ")}
      </span>
    </span>
  );
}

function Deployment({ device }: { readonly device: DeviceSummary }) {
  const { deployment } = device;
  if (deployment === null) return unknown();
  return (
    <span class="two-lines">
      <Link to={rolloutPath(deployment.rolloutId)} class="plain" title="Open its rollout">
        <StatusBadge status={deployment.status} />
      </Link>
      <span class="second">{words(deployment.step)}</span>
    </span>
  );
}

const GROUP_COLUMN: Column<DeviceSummary> = {
  id: "group",
  header: "Group",
  hint: "Where the device belongs",
  width: 12,
  priority: 2,
  sortValue: (device) => device.group,
  render: (device) => (
    <span class="cut" title={device.group}>
      {device.group}
    </span>
  ),
};

/** Columns of the fleet's table. @param withGroups whether there is more than one group */
export function fleetColumns(withGroups: boolean): readonly Column<DeviceSummary>[] {
  return withGroups ? COLUMNS_WITH_GROUP : FLEET_COLUMNS;
}

const FLEET_COLUMNS: readonly Column<DeviceSummary>[] = [
  {
    id: "name",
    header: "Device",
    width: 24,
    priority: 1,
    sortValue: (device) => device.name,
    render: (device) => (
      <span class="two-lines">
        <span class="row-title">
          <Link to={devicePath(device.deviceId)} title={device.name}>
            {device.name}
          </Link>
        </span>
        <span class="second" title={device.deviceId}>
          {device.emulated ? <EmulatedMark /> : null} {device.deviceId}
        </span>
      </span>
    ),
  },
  {
    id: "board",
    header: "Board",
    hint: "Board and processor architecture, out of the inventory",
    width: 20,
    priority: 2,
    sortValue: (device) => device.board,
    render: (device) => (
      <span class="two-lines">
        <span class="cut" title={device.board ?? undefined}>
          {device.board ?? unknown()}
        </span>
        <span class="second">{device.architecture ?? ""}</span>
      </span>
    ),
  },
  {
    id: "presence",
    header: "Presence",
    hint: "Whether the device is connected, and for how long it has been so",
    width: 12,
    priority: 1,
    sortValue: (device) => device.presence.status,
    render: (device) => (
      <span class="two-lines">
        <StatusBadge status={device.presence.status} />
        <span class="second">
          <Since at={device.presence.since} />
        </span>
      </span>
    ),
  },
  {
    id: "serving",
    header: "Serving",
    hint: "Model, version and variant that answers now",
    width: 15,
    priority: 1,
    sortValue: ({ serving }) =>
      serving === null
        ? null
        : `${serving.model ?? ""} ${serving.version ?? ""} ${serving.variant ?? ""} ${serving.state}`,
    render: (device) => <Serving device={device} />,
  },
  {
    id: "deployment",
    header: "Deployment",
    hint: "The newest deployment and its step",
    width: 14,
    priority: 2,
    sortValue: ({ deployment }) => (deployment === null ? null : `${deployment.status} ${deployment.step}`),
    render: (device) => <Deployment device={device} />,
  },
  {
    id: "requests",
    header: "Requests",
    hint: "Requests a second in the newest telemetry window",
    numeric: true,
    width: 10.5,
    priority: 2,
    sortValue: (device) => device.latest?.requestsPerSecond ?? null,
    render: (device) => formatRate(device.latest?.requestsPerSecond),
  },
  {
    id: "p50",
    header: "p50",
    hint: "Median time from a request's arrival to its answer",
    numeric: true,
    width: 9.5,
    priority: 2,
    sortValue: (device) => device.latest?.latencyP50Ms ?? null,
    render: (device) => formatMilliseconds(device.latest?.latencyP50Ms),
  },
  {
    id: "p95",
    header: "p95",
    hint: "Time within which 95 of 100 requests were answered",
    numeric: true,
    width: 9.5,
    priority: 3,
    sortValue: (device) => device.latest?.latencyP95Ms ?? null,
    render: (device) => formatMilliseconds(device.latest?.latencyP95Ms),
  },
  {
    id: "confidence",
    header: "Top prob.",
    hint: "Median probability of the class that was answered",
    numeric: true,
    width: 10,
    priority: 3,
    sortValue: (device) => device.latest?.topProbabilityP50 ?? null,
    render: (device) => formatShare(device.latest?.topProbabilityP50),
  },
  {
    id: "temperature",
    header: "Temp.",
    hint: "Hottest thermal zone",
    numeric: true,
    width: 9,
    priority: 3,
    sortValue: (device) => device.latest?.temperatureCelsius ?? null,
    render: (device) => formatTemperature(device.latest?.temperatureCelsius),
  },
  {
    id: "memory",
    header: "Memory",
    hint: "Memory of the agent and its children (proportional set size)",
    numeric: true,
    width: 9.5,
    priority: 3,
    sortValue: (device) => device.latest?.agentMemoryBytes ?? null,
    render: (device) => formatBytes(device.latest?.agentMemoryBytes),
  },
  {
    id: "seen",
    header: "Last seen",
    numeric: true,
    width: 11,
    priority: 2,
    sortValue: (device) => device.lastSeenAt,
    render: (device) => <Ago at={device.lastSeenAt} />,
  },
];

const COLUMNS_WITH_GROUP = [...FLEET_COLUMNS.slice(0, 1), GROUP_COLUMN, ...FLEET_COLUMNS.slice(1)];
