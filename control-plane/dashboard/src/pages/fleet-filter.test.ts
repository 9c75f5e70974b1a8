import type { DeviceSummary } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { filterFleet, fleetViewOf } from "./fleet-filter.js";

const base: DeviceSummary = {
  deviceId: "pi-1",
  name: "gate north",
  group: "default",
  emulated: false,
  enrolledAt: 0,
  presence: { status: "online", since: 0 },
  lastSeenAt: null,
  board: "Raspberry Pi 5 Model B",
  architecture: "arm64",
  serving: { state: "ready", model: "road-sign", version: "1.0.0", variant: "fp32" },
  deployment: null,
  latest: null,
};
const fleet: DeviceSummary[] = [
  base,
  { ...base, deviceId: "orin-1", name: "gate south", board: "Jetson Orin Nano", emulated: true },
  { ...base, deviceId: "x86-1", name: "lab", presence: { status: "never_seen", since: 0 }, serving: null, board: null },
];
const found = (view: Parameters<typeof filterFleet>[1], search: string) =>
  filterFleet(fleet, view, search).map((device) => device.deviceId);

describe("finding devices in the fleet", () => {
  it("finds by every word, wherever it stands", () => {
    expect(found("all", "GATE jetson")).toEqual(["orin-1"]);
    expect(found("all", "emulated")).toEqual(["orin-1"]);
    expect(found("all", "road-sign 1.0.0")).toEqual(["pi-1", "orin-1"]);
    expect(found("all", "  ")).toHaveLength(3);
  });

  it("counts a device that was never seen among those offline", () => {
    expect(found("offline", "")).toEqual(["x86-1"]);
    expect(found("online", "")).toEqual(["pi-1", "orin-1"]);
  });

  it("shows all when the address names no view that exists", () => {
    expect(fleetViewOf("nonsense")).toBe("all");
    expect(fleetViewOf("failing")).toBe("failing");
  });
});
