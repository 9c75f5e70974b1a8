import type { DeviceEventView } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { mergeEvents } from "./merge-events.js";

const event = (sequence: number, receivedAt = sequence, at = receivedAt): DeviceEventView => ({
  at,
  receivedAt,
  level: "info",
  code: null,
  message: `event ${sequence}`,
  sequence,
});
const sequences = (events: readonly DeviceEventView[]) => events.map(({ sequence }) => sequence);

describe("a device's events on the page", () => {
  it("stand newest first, each once, whether they were read or came live", () => {
    expect(sequences(mergeEvents([event(3), event(2), event(1)], [event(3), event(4), event(5)], 50))).toEqual([
      5, 4, 3, 2, 1,
    ]);
  });

  it("are no more than the page shows, and the newest of them", () => {
    expect(sequences(mergeEvents([event(2), event(1)], [event(3)], 2))).toEqual([3, 2]);
  });

  it("of a device that lost its state and counts anew are all there, in the order in which they came", () => {
    expect(sequences(mergeEvents([event(1, 100), event(0, 90)], [event(0, 200), event(1, 210)], 50))).toEqual([
      1, 0, 1, 0,
    ]);
  });
});
