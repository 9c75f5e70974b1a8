import { describe, expect, it } from "vitest";
import { groupErrors } from "./rollout-errors.js";

describe("why devices of a rollout did not succeed", () => {
  it("is told once for all devices with the same reason, the most frequent first", () => {
    const failed = (deviceId: string, message: string | null) => ({
      deviceId,
      deviceName: deviceId.toUpperCase(),
      error: message === null ? null : { code: "SRT_PROBE_FAILED", message },
    });
    const groups = groupErrors([failed("a", "slow"), failed("b", "wrong"), failed("c", "wrong"), failed("d", null)]);
    expect(groups.map(({ message, devices }) => [message, devices.map(({ deviceName }) => deviceName)])).toEqual([
      ["wrong", ["B", "C"]],
      ["slow", ["A"]],
    ]);
    expect(groupErrors([])).toEqual([]);
  });
});
