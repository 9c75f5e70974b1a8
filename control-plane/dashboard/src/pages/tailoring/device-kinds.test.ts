import type { DeviceSummary } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { kindsOfDevices } from "./device-kinds.js";

const device = (deviceId: string, board: string | null, emulated = false): DeviceSummary => ({
  deviceId,
  name: deviceId,
  group: "default",
  emulated,
  enrolledAt: 0,
  presence: { status: "online", since: 0 },
  lastSeenAt: null,
  board,
  architecture: "arm64",
  serving: null,
  deployment: null,
  latest: null,
});

describe("a fleet by kinds of hardware", () => {
  it("puts like boards together, the most frequent first, and never an emulated one with a real one", () => {
    const groups = kindsOfDevices([
      device("a", "Jetson Nano"),
      device("b", "Raspberry Pi 5"),
      device("c", "Raspberry Pi 5"),
      device("d", "Raspberry Pi 5", true),
    ]);
    expect(groups.map(({ board, emulated, devices }) => [board, emulated, devices.length])).toEqual([
      ["Raspberry Pi 5", false, 2],
      ["Jetson Nano", false, 1],
      ["Raspberry Pi 5", true, 1],
    ]);
    expect(groups[0]?.sample.deviceId).toBe("b");
  });

  it("leaves out a device that has not said what it is: there is nothing to plan with", () => {
    expect(kindsOfDevices([device("new", null)])).toEqual([]);
  });
});
