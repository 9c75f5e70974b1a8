import { describe, expect, it } from "vitest";
import { groupErrors, groupHeld, heldWords } from "./rollout-errors.js";

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

describe("why devices of a rollout were not told yet", () => {
  it("is told once for all that wait for the same, and says that a signature is awaited where one is", () => {
    const held = (deviceId: string, code: string | null) => ({
      deviceId,
      deviceName: deviceId,
      held: code === null ? null : { code, message: "what is the matter." },
    });
    const groups = groupHeld([held("a", "SRT_TRUST_UNSIGNED"), held("b", null), held("c", "SRT_TRUST_UNSIGNED")]);
    expect(groups.map(({ devices }) => devices.length)).toEqual([2]);
    expect(groups.map(heldWords)).toEqual(["awaiting signature: what is the matter."]);
    expect(heldWords({ code: "SRT_TRUST_WRONG_HARDWARE", message: "arm64 only." })).toBe("held back: arm64 only.");
  });
});
