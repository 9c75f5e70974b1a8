import type { DeviceEventView } from "@sartor/shared/protocol";
import { useMemo, useState } from "preact/hooks";
import { useConnection, useLiveEvents, useResource } from "../api/index.js";
import { Ago, Badge, EmptyState, ErrorNote, Loading, Panel } from "../components/index.js";
import { mergeEvents } from "../events/index.js";
import { formatMoment, type Tone } from "../format/index.js";

/** Newest events shown. */
const SHOWN = 50;

const TONES: Readonly<Record<DeviceEventView["level"], Tone>> = { info: "idle", warning: "warn", error: "bad" };

/** What the device told its operators, newest first, live. */
export function DeviceEvents({ deviceId }: { readonly deviceId: string }) {
  const { client } = useConnection();
  const read = useResource(`events ${deviceId}`, (signal) => client.deviceEvents(deviceId, SHOWN, signal));
  const [live, setLive] = useState<readonly DeviceEventView[]>([]);
  useLiveEvents((event) => {
    if (event.type !== "device_event" || event.deviceId !== deviceId) return;
    setLive((old) => [...old.slice(1 - SHOWN), event.event]);
  });
  const events = useMemo(
    () => (read.value === null ? null : mergeEvents(read.value.events, live, SHOWN)),
    [read.value, live],
  );
  return (
    <Panel title="Events">
      {read.error === null ? null : <ErrorNote error={read.error} title="The events cannot be read" />}
      {events === null && read.error === null ? <Loading what="events" rows={3} /> : null}
      {events?.length === 0 ? <EmptyState title="The device told of nothing yet" /> : null}
      {events === null || events.length === 0 ? null : <EventList events={events} />}
    </Panel>
  );
}

function EventList({ events }: { readonly events: readonly DeviceEventView[] }) {
  return (
    <ol class="events" aria-label="Events, newest first">
      {events.map((event) => (
        <li key={`${event.sequence} ${event.at}`}>
          <span class="event-head">
            <Badge tone={TONES[event.level]} title={`By the device's clock: ${formatMoment(event.at)}`}>
              {event.level}
            </Badge>
            {event.code === null ? null : <code>{event.code}</code>}
            <span class="muted small">
              <Ago at={event.receivedAt} />
            </span>
          </span>
          <span class="event-message">{event.message}</span>
        </li>
      ))}
    </ol>
  );
}
