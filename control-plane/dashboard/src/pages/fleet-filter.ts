import type { DeviceSummary } from "@sartor/shared/protocol";
import { isFailing } from "../api/fleet-store.js";

/** Which part of the fleet is shown. */
export const FLEET_VIEWS = ["all", "online", "offline", "serving", "failing"] as const;
export type FleetView = (typeof FLEET_VIEWS)[number];

/** Reads the view out of the address; anything else shows all. */
export function fleetViewOf(text: string | null): FleetView {
  return FLEET_VIEWS.find((view) => view === text) ?? "all";
}

function isInView(device: DeviceSummary, view: FleetView): boolean {
  switch (view) {
    case "all":
      return true;
    case "online":
      return device.presence.status === "online";
    case "offline":
      return device.presence.status !== "online";
    case "serving":
      return device.serving?.state === "ready";
    case "failing":
      return isFailing(device);
  }
}

function searchText(device: DeviceSummary): string {
  const { serving, deployment } = device;
  return [
    device.name,
    device.deviceId,
    device.group,
    device.board,
    device.architecture,
    device.emulated ? "emulated" : "",
    device.presence.status,
    serving?.state,
    serving?.model,
    serving?.version,
    serving?.variant,
    deployment?.status,
    deployment?.step,
  ]
    .join(" ")
    .toLowerCase();
}

/** The devices of a view, and of a group unless it is null, in which every word of the search occurs somewhere. */
export function filterFleet(
  devices: readonly DeviceSummary[],
  view: FleetView,
  search: string,
  group: string | null = null,
): DeviceSummary[] {
  const wanted = search.toLowerCase().split(/\s+/).filter(Boolean);
  return devices.filter((device) => {
    if (!isInView(device, view) || (group !== null && device.group !== group)) return false;
    if (wanted.length === 0) return true;
    const text = searchText(device);
    return wanted.every((word) => text.includes(word));
  });
}
