import type { DeviceSummary } from "@sartor/shared/protocol";
import { useMemo, useState } from "preact/hooks";
import { Check, EmptyState, Panel } from "../../components/index.js";
import { formatCount, plural } from "../../format/index.js";
import { filterFleet } from "../fleet-filter.js";
import type { RolloutChoices } from "./rollout-request.js";

/** Properties of a {@link DeviceChoice}. */
export interface DeviceChoiceProps {
  readonly devices: readonly DeviceSummary[];
  readonly choices: RolloutChoices;
  readonly change: (changes: Partial<RolloutChoices>) => void;
}

/** Devices listed at once; a search finds the others. */
const LISTED = 100;

/** To whom a rollout goes: everyone, or those that are ticked. */
export function DeviceChoice({ devices, choices, change }: DeviceChoiceProps) {
  const [search, setSearch] = useState("");
  const found = useMemo(() => filterFleet(devices, "all", search), [devices, search]);
  const tick = (deviceIds: readonly string[], on: boolean) => {
    const next = new Set(choices.deviceIds);
    for (const id of deviceIds) on ? next.add(id) : next.delete(id);
    change({ deviceIds: next });
  };
  return (
    <Panel title="To whom">
      <fieldset class="choice" aria-label="Which devices">
        <button type="button" aria-pressed={choices.everyone} onClick={() => change({ everyone: true })}>
          All <b>{formatCount(devices.length)}</b> devices
        </button>
        <button type="button" aria-pressed={!choices.everyone} onClick={() => change({ everyone: false })}>
          Selected devices{choices.everyone ? "" : `: ${choices.deviceIds.size}`}
        </button>
      </fieldset>
      {choices.everyone ? null : (
        <div class="device-choice">
          <div class="device-choice-head">
            <input
              type="search"
              aria-label="Find devices"
              placeholder="Find by name, board, model, status…"
              value={search}
              onInput={(event) => setSearch(event.currentTarget.value)}
            />
            <button
              type="button"
              onClick={() =>
                tick(
                  found.map(({ deviceId }) => deviceId),
                  true,
                )
              }
            >
              Select these {formatCount(found.length)}
            </button>
            <button type="button" onClick={() => change({ deviceIds: new Set() })}>
              Clear
            </button>
          </div>
          {found.length === 0 ? <EmptyState title="No device fits this search" /> : null}
          <div class="check-grid">
            {found.slice(0, LISTED).map((device) => (
              <Check
                key={device.deviceId}
                label={`${device.name}${device.emulated ? " (emulated)" : ""}`}
                hint={device.board ?? "no inventory yet"}
                checked={choices.deviceIds.has(device.deviceId)}
                onChange={(on) => tick([device.deviceId], on)}
              />
            ))}
          </div>
          {found.length > LISTED ? (
            <p class="muted small">
              {plural(found.length - LISTED, "more device", "more devices")}: search to see them, or select all that
              were found.
            </p>
          ) : null}
        </div>
      )}
    </Panel>
  );
}
