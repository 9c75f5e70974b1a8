import type { DeviceSummary } from "@sartor/shared/protocol";
import { useMemo, useState } from "preact/hooks";
import { useWho } from "../../api/index.js";
import { Check, EmptyState, Panel } from "../../components/index.js";
import { formatCount, plural } from "../../format/index.js";
import { filterFleet } from "../fleet-filter.js";
import { groupsOf } from "../groups/index.js";
import type { RolloutChoices } from "./rollout-request.js";

/** Properties of a {@link DeviceChoice}. */
export interface DeviceChoiceProps {
  readonly devices: readonly DeviceSummary[];
  readonly choices: RolloutChoices;
  readonly change: (changes: Partial<RolloutChoices>) => void;
}

/** Devices listed at once; a search finds the others. */
const LISTED = 100;

/** To whom a rollout goes: everyone, some groups, or the devices that are ticked. */
export function DeviceChoice({ devices, choices, change }: DeviceChoiceProps) {
  const [search, setSearch] = useState("");
  const found = useMemo(() => filterFleet(devices, "all", search), [devices, search]);
  const tick = (deviceIds: readonly string[], on: boolean) => {
    const next = new Set(choices.deviceIds);
    for (const id of deviceIds) on ? next.add(id) : next.delete(id);
    change({ deviceIds: next });
  };
  const { whom } = choices;
  const groups = useMemo(() => groupsOf(devices), [devices]);
  const own = useWho()?.groups ?? null;
  return (
    <Panel title="To whom">
      <fieldset class="choice" aria-label="Which devices">
        <button type="button" aria-pressed={whom === "everyone"} onClick={() => change({ whom: "everyone" })}>
          All <b>{formatCount(devices.length)}</b> devices{own === null ? "" : ` of ${own.join(", ")}`}
        </button>
        {groups.length > 1 ? (
          <button type="button" aria-pressed={whom === "groups"} onClick={() => change({ whom: "groups" })}>
            Groups{whom === "groups" ? `: ${choices.groups.size}` : ""}
          </button>
        ) : null}
        <button type="button" aria-pressed={whom === "devices"} onClick={() => change({ whom: "devices" })}>
          Selected devices{whom === "devices" ? `: ${choices.deviceIds.size}` : ""}
        </button>
      </fieldset>
      {whom === "groups" ? (
        <div class="check-grid">
          {groups.map(({ group, devices: count }) => (
            <Check
              key={group}
              label={group}
              hint={plural(count, "device", "devices")}
              checked={choices.groups.has(group)}
              onChange={(on) => {
                const next = new Set(choices.groups);
                on ? next.add(group) : next.delete(group);
                change({ groups: next });
              }}
            />
          ))}
        </div>
      ) : null}
      {whom !== "devices" ? null : (
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
