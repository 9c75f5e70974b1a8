import type { DeviceDetail, ReportedSlot } from "@sartor/shared/protocol";
import { Ago, EmptyState, type Fact, Facts, Panel, StatusBadge } from "../components/index.js";
import { formatCount, shortDigest } from "../format/index.js";

/** What the device runs: the model that serves, its endpoint, the two slots and the outbox. */
export function DeviceRunning({ device }: { readonly device: DeviceDetail }) {
  const { reported } = device;
  if (reported === null) {
    return (
      <Panel title="What runs">
        <EmptyState title="The device has not reported yet">
          <p>It does so right after it connects.</p>
        </EmptyState>
      </Panel>
    );
  }
  const { serving, slots, outbox, agent } = reported;
  const model = [serving.model, serving.version, serving.variant].filter(Boolean).join(" · ");
  const behind = reported.generation < device.desiredGeneration;
  const facts: Fact[] = [
    ["Serving", <StatusBadge key="state" status={serving.state} />],
    ["Model", model === "" ? null : model],
    ["Execution providers", serving.executionProviders?.join(", ")],
    ["Endpoint", serving.endpoint === undefined ? null : <code class="wrap">{serving.endpoint}</code>],
    ["Runtime restarts", serving.restarts === undefined ? null : formatCount(serving.restarts)],
    ["Slot a", <Slot key="a" slots={slots} name="a" />],
    ["Slot b", <Slot key="b" slots={slots} name="b" />],
    [
      "Outbox",
      `${formatCount(outbox.queued)} waiting, ${formatCount(outbox.droppedTelemetry)} telemetry windows dropped`,
    ],
    [
      "Desired state",
      behind
        ? `generation ${reported.generation} of ${device.desiredGeneration}: not seen yet`
        : `generation ${reported.generation}, up to date`,
    ],
    [
      "Agent",
      <>
        {agent.version}, started <Ago at={agent.startedAt} />
      </>,
    ],
    ["Reported", <Ago key="at" at={reported.at} />],
  ];
  return (
    <Panel title="What runs">
      <Facts facts={facts} />
    </Panel>
  );
}

interface SlotProps {
  readonly slots: { readonly active: ReportedSlot | null; readonly inactive: ReportedSlot | null };
  readonly name: "a" | "b";
}

function Slot({ slots, name }: SlotProps) {
  const slot = [slots.active, slots.inactive].find((each) => each?.slot === name);
  if (slot === undefined || slot === null) return <span class="muted">empty</span>;
  return (
    <>
      {slot.model} {slot.version} · {slot.variant} <code title={slot.bundleId}>{shortDigest(slot.bundleId)}</code>{" "}
      {slots.active?.slot === name ? <b>active</b> : <span class="muted">inactive</span>}
    </>
  );
}
