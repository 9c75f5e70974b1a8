import type { DeviceDetail } from "@sartor/shared/protocol";
import { useEffect, useRef } from "preact/hooks";
import { useConnection, useLiveEvents, useResource } from "../api/index.js";
import { Ago, EmulatedMark, ErrorNote, Loading, Panel, Since, StatusBadge } from "../components/index.js";
import {
  formatBytes,
  formatMilliseconds,
  formatRate,
  formatShare,
  formatTemperature,
  plural,
  words,
} from "../format/index.js";
import { Link } from "../router/index.js";
import { DeviceDeployment } from "./device-deployment.js";
import { DeviceEvents } from "./device-events.js";
import { DeviceHardware } from "./device-hardware.js";
import { DeviceRunning } from "./device-running.js";
import { DeviceTelemetry } from "./device-telemetry.js";
import { DeviceIdentity } from "./enrolment/index.js";
import { DeviceGroup } from "./groups/index.js";
import { OrdersRefused } from "./orders-refused.js";
import { DeviceTailoring } from "./tuning/index.js";
import { useTitle } from "./use-title.js";

/** Live changes within this time are read together, ms. */
const REREAD_MS = 400;

/** One device: how it stands, what runs, how it does over time, and its hardware. */
export function DevicePage({ deviceId, query }: { readonly deviceId: string; readonly query: URLSearchParams }) {
  const { client } = useConnection();
  const {
    value: device,
    error,
    reload,
  } = useResource(`device ${deviceId}`, (signal) => client.device(deviceId, signal));
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useTitle(device?.name ?? deviceId);

  useLiveEvents((event) => {
    const concerns =
      (event.type === "device" && event.device.deviceId === deviceId) ||
      (event.type === "device_removed" && event.deviceId === deviceId) ||
      (event.type === "deployment" && event.deployment.deviceId === deviceId);
    if (!concerns || timer.current !== undefined) return;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      reload();
    }, REREAD_MS);
  });
  useEffect(() => () => clearTimeout(timer.current), []);

  return (
    <div class="page">
      <nav class="crumbs" aria-label="Where you are">
        <Link to="/">Fleet</Link> <span aria-hidden="true">/</span> {device?.name ?? deviceId}
      </nav>
      {error === null ? null : <ErrorNote error={error} title="This device cannot be read" />}
      {device === null && error === null ? <Loading what="the device" rows={10} /> : null}
      {device === null ? null : <DeviceBody device={device} query={query} onMoved={reload} />}
    </div>
  );
}

interface DeviceBodyProps {
  readonly device: DeviceDetail;
  readonly query: URLSearchParams;
  readonly onMoved: () => void;
}

function DeviceBody({ device, query, onMoved }: DeviceBodyProps) {
  const invalid = Object.entries(device.invalidMessages);
  return (
    <>
      <div class="page-head device-head">
        <h1>{device.name}</h1>
        {device.emulated ? <EmulatedMark profile={device.inventory?.emulatedProfile} /> : null}
        <span class="head-state">
          <StatusBadge status={device.presence.status} />{" "}
          <span class="muted">
            for <Since at={device.presence.since} />
          </span>
        </span>
        <span class="muted">
          {device.board ?? "no inventory yet"} · <code>{device.deviceId}</code> · last seen{" "}
          <Ago at={device.lastSeenAt} />
        </span>
        <DeviceGroup device={device} onMoved={onMoved} />
      </div>
      <p class="visually-hidden" role="status">
        {announcement(device)}
      </p>
      {invalid.length === 0 ? null : (
        <p class="note note-warn">
          Messages of this device did not fit their schema and were dropped (<code>SRT_MESSAGE_INVALID</code>):{" "}
          {invalid.map(([kind, count]) => plural(count, `${kind} message`, `${kind} messages`)).join(", ")}.
        </p>
      )}
      <OrdersRefused refusal={device.reported?.ordersRefusal ?? null} />
      <Figures device={device} />
      <div class="columns">
        <DeviceTelemetry device={device} query={query} />
        <div class="stack">
          <DeviceRunning device={device} />
          <DeviceDeployment device={device} />
          <DeviceIdentity device={device} />
          <DeviceEvents key={device.deviceId} deviceId={device.deviceId} />
        </div>
      </div>
      <DeviceTailoring device={device} query={query} />
      <DeviceHardware inventory={device.inventory} at={device.inventoryAt} />
    </>
  );
}

/** What a screen reader is told when it changes. */
function announcement(device: DeviceDetail): string {
  const { deployment, presence, reported } = device;
  const step = deployment === null ? "" : `, deployment ${words(deployment.status)}, ${words(deployment.step)}`;
  const refused = reported?.ordersRefusal ? ", refuses its orders" : "";
  return `${device.name} ${words(presence.status)}${step}${refused}`;
}

function Figures({ device }: { readonly device: DeviceDetail }) {
  const { latest } = device;
  const figures: [string, string, string][] = [
    ["Requests", formatRate(latest?.requestsPerSecond), "in the newest telemetry window"],
    ["Latency p50", formatMilliseconds(latest?.latencyP50Ms), "median from arrival to answer"],
    ["Latency p95", formatMilliseconds(latest?.latencyP95Ms), "95 of 100 requests were faster"],
    ["Top probability", formatShare(latest?.topProbabilityP50), "median of the answered class"],
    ["Temperature", formatTemperature(latest?.temperatureCelsius), "hottest thermal zone"],
    ["Agent memory", formatBytes(latest?.agentMemoryBytes), "agent and its children, proportional set size"],
  ];
  return (
    <Panel
      title="Newest window"
      class="figures-panel"
      aside={
        <span class="muted small">
          <Ago at={latest?.at} />
        </span>
      }
    >
      <dl class="figures">
        {figures.map(([name, value, hint]) => (
          <div key={name} title={hint}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
